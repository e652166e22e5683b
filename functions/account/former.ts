import type { PolicySubject } from "../../events/incident";
import { documentMakesAdmin, makesAdmin } from "../../rulebook/admin";
import type { Answer } from "../../rulebook/answer";
import type { Exemption } from "../../rulebook/exemptions";
import { hasDeny } from "../../rulebook/policyDocument";
import { isGone } from "../cut";
import { listed } from "../listed";
import { boundaryGrant, grantsOf, type Look, policyDocument } from "./look";
import { type AccountEye, type FoundUser, notExempt } from "./user";

/**
 * What a policy may have said before its default version changed. The record does not name the
 * former default and IAM keeps no history of it, so any other version may be it: one that the caller
 * made a moment before, never the default, among them.
 */
export interface Former {
  documents: (string | undefined)[];
  /**
   * Every version that ever was is there. Versions are numbered from v1 on and no number is used
   * twice, so a number that is missing was deleted, by whom and when is not to be told.
   * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html
   */
  complete: boolean;
}

/** The versions of a policy beside the record's, or beside the default where the record names none. */
export async function formerOf(
  { sdk, iam }: AccountEye,
  { arn, versionId }: PolicySubject,
): Promise<Former> {
  const ids: string[] = [];
  const others: string[] = [];
  try {
    const pages = sdk.paginateListPolicyVersions({ client: iam }, { PolicyArn: arn });
    for await (const page of pages) {
      for (const { VersionId = "", IsDefaultVersion } of listed(page.Versions, page)) {
        ids.push(VersionId);
        if (versionId ? VersionId !== versionId : !IsDefaultVersion) others.push(VersionId);
      }
    }
  } catch (error) {
    if (isGone(error)) return { documents: [], complete: false };
    throw error;
  }
  const highest = Math.max(...ids.map((id) => Number(id.slice(1))));
  const documents = await Promise.all(others.map((id) => policyDocument(sdk, iam, arn, id)));
  return { documents, complete: others.length > 0 && ids.length === highest };
}

/** Surely: whichever version was the default, it made admins. In doubt it did not. */
export function madeAdminsBefore({ documents, complete }: Former): boolean {
  return complete && documents.every((one) => documentMakesAdmin(one).answer === "yes");
}

/** May the policy have denied something to those who have it? */
export function mayHaveDenied({ documents, complete }: Former): boolean {
  return !complete || documents.some((one) => hasDeny(one) !== "no");
}

/**
 * Is the user an admin whom one of the former versions kept from it? "unknown" where versions were
 * deleted or cannot be read; "no" where he is none, or was one under each of them.
 *
 * @param taken the policy leaves him, so that he has it no longer.
 */
export function isFreed(
  { name, look }: FoundUser,
  arn: string,
  { documents, complete }: Former,
  taken: boolean,
  exemptions: Exemption[],
): Answer {
  const admin = (one: Look) =>
    makesAdmin(notExempt(grantsOf(name, one), exemptions), boundaryGrant(one)).answer;
  const now = admin(taken ? withoutPolicy(look, arn) : look);
  if (now !== "yes") return now;
  const before = documents.map((document) => admin(withDocument(look, arn, document)));
  if (before.includes("no")) return "yes";
  return complete && !before.includes("unknown") ? "no" : "unknown";
}

/** The look as it is once the policy is detached; a boundary stays. */
function withoutPolicy(look: Look, arn: string): Look {
  const others = (arns: string[]) => arns.filter((one) => one !== arn);
  return {
    ...look,
    attached: others(look.attached),
    groups: look.groups.map((group) => ({ ...group, attached: others(group.attached) })),
  };
}

function withDocument(look: Look, arn: string, document = "unknown"): Look {
  const others = look.documents.filter((one) => one.arn !== arn);
  return { ...look, documents: [...others, { arn, document }] };
}
