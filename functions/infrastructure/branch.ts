import type { InfrastructureSubject } from "../../events/incident";
import { addToCase, type BranchInput, type Case, lookedAgain, openCase, type Pass } from "../case";
import { clientTimes } from "../client";
import { cutting } from "../cut";
import { judgeAttached } from "./attached";
import {
  closeFound,
  closeProved,
  type Hand,
  type InfrastructureSettings,
  type Take,
} from "./close";
import type { Ec2Sdk } from "./look";
import { closeReferring } from "./prefixList";
import { judgeAddress } from "./remoteAddress";

/**
 * One pass of the infrastructure branch over the incident's subjects.
 *
 * @param take how rules that open SSH go.
 */
export function infrastructureBranch(sdk: Ec2Sdk, settings: InfrastructureSettings, take: Take) {
  const ec2 = new sdk.EC2Client(clientTimes);

  return async (input: BranchInput): Promise<Case> => {
    const before = openCase(input, settings.mode);
    const later = input.case !== undefined;
    const actions: Case["actions"] = [];
    const cut = cutting(settings.mode, actions, before.actions);
    const hand: Hand = {
      sdk,
      ec2,
      cut,
      caseId: before.id,
      settings,
      later,
      take,
      lost: before.lost ?? [],
    };
    const subjects = input.incident.subjects as InfrastructureSubject[];
    const passes = await Promise.all(subjects.map((subject) => close(hand, subject)));
    const after = addToCase(before, passes, actions);
    return later ? lookedAgain(after) : after;
  };
}

function close(hand: Hand, subject: InfrastructureSubject): Promise<Pass> {
  switch (subject.kind) {
    case "securityGroup":
      return !hand.later && subject.groupId && subject.rules.length > 0
        ? closeProved(hand, subject, subject.groupId)
        : closeFound(hand, subject, hand.later ? {} : { told: subject.told ?? [] });
    case "prefixList":
      return closeReferring(hand, subject);
    case "attachedGroups":
      return judgeAttached(hand, subject);
    case "remoteAddress":
      return judgeAddress(hand, subject);
  }
}
