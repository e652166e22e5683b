import type { Action } from "../functions/case";
import { documentMakesAdmin } from "../rulebook/admin";
import { sameDocument } from "./document";
import type { Context, Item } from "./item";

/** How a customer policy stands whose default version was the incident. */
export interface VersionState {
  /** Why the policy is not attached again, where it is not. */
  held?: NonNullable<Item["held"]>;
  /** The version that becomes the default first. */
  former?: string;
}

/**
 * A policy that is attached again while its default version is the attack's makes admins again.
 * The case does not know the former default; where one other version is left, it is that one. For a
 * false alarm the version that the record set is right, and stays.
 * @returns undefined where the policy is no subject of the case.
 */
export function versionOf(
  { file, present, falseAlarm }: Context,
  arn: string,
): VersionState | undefined {
  if (!file.subjects.some((one) => one.kind === "policy" && one.arn === arn)) return undefined;
  const now = present.policies[arn];
  // A policy that is gone is the item's own drift.
  if (!now || falseAlarm || isHarmless(now.document)) return {};
  const others = now.versions.filter(({ isDefault }) => !isDefault);
  const [former] = others;
  if (former && others.length === 1 && isHarmless(former.document)) return { former: former.id };
  return {
    held: {
      by: "attack",
      why:
        `the default version of ${arn} makes admins, and which one was it before is not known: ` +
        `aws iam set-default-policy-version --policy-arn ${arn} --version-id VERSION, then restore again`,
    },
  };
}

function isHarmless(document: string): boolean {
  return documentMakesAdmin(document).answer === "no";
}

/** The default versions that are set back before their policies are attached again. */
export function versionItems(context: Context, done: Action[]): Item[] {
  const arns = new Set(
    done.flatMap(({ input }) => (input.PolicyArn ? [String(input.PolicyArn)] : [])),
  );
  return [...arns].flatMap((PolicyArn) => {
    const former = versionOf(context, PolicyArn)?.former;
    if (!former) return [];
    return [
      {
        item: `policies:${PolicyArn}:${former}`,
        kind: "policies" as const,
        subject: PolicyArn,
        call: "iam:SetDefaultPolicyVersion",
        input: { PolicyArn, VersionId: former },
        why: "the only other version, so it was the default before",
      },
    ];
  });
}

/** A customer policy that is gone, or says something else than the case saw. */
export function policyDrift(
  { present }: Context,
  arn: string,
  document: string | undefined,
): Pick<Item, "drift"> {
  const now = present.policies[arn];
  if (now === null) return { drift: [`the policy ${arn} is not there any more`] };
  if (!now || document === undefined) return {};
  return sameDocument(now.document, document)
    ? {}
    : { drift: [`the default version of ${arn} is not the one that the case saw`] };
}
