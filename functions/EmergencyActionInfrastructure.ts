import type { InfrastructureSubject } from "../events/incident";
import { addToCase, type BranchInput, type Case, lookedAgain, openCase, type Pass } from "./case";
import { clientTimes } from "./client";
import { cutting } from "./cut";
import { judgeAttached } from "./infrastructure/attached";
import {
  closeFound,
  closeProved,
  type Hand,
  type InfrastructureSettings,
} from "./infrastructure/close";
import type { Ec2Sdk } from "./infrastructure/look";
import { closeReferring } from "./infrastructure/prefixList";
import { judgeAddress } from "./infrastructure/remoteAddress";

/** What the handler calls; its role is granted exactly this, and the cut only in `enforce`. */
export const emergencyActionInfrastructureActions = {
  looks: [
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeVpcs",
    "ec2:GetManagedPrefixListEntries",
  ],
  cuts: ["ec2:RevokeSecurityGroupIngress"],
};

/**
 * Revokes the rules of security groups that open SSH to the world, and no others, in one call a
 * group.
 *
 * The first pass takes the rules that the record proves, with nothing awaited before; where the
 * record proves none, and in every later pass, a look finds them. Runs once per cold start and
 * returns the handler. Failed looks are thrown; a failed cut is in the case's `open`.
 */
export function emergencyActionInfrastructure(sdk: Ec2Sdk, settings: InfrastructureSettings) {
  const ec2 = new sdk.EC2Client(clientTimes);

  return async (input: BranchInput): Promise<Case> => {
    const before = openCase(input, settings.mode);
    const later = input.case !== undefined;
    const actions: Case["actions"] = [];
    const cut = cutting(settings.mode, actions, before.actions);
    const hand: Hand = { sdk, ec2, cut, caseId: before.id, settings, later };
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
        : closeFound(hand, subject);
    case "prefixList":
      return closeReferring(hand, subject);
    case "attachedGroups":
      return judgeAttached(hand, subject);
    case "remoteAddress":
      return judgeAddress(hand, subject);
  }
}
