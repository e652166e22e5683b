import { type Answer, every, some } from "./answer";
import { listOf } from "./policyDocument";

/** One test of a Condition: an operator, a condition key, and the values it may have. */
interface Test {
  operator: string;
  key: string;
  values: unknown[];
}

/**
 * Can a stranger, whom a statement of a trust policy names, meet its conditions? All of them must
 * hold, so one that no stranger meets settles it.
 *
 * A condition that excludes somebody ("StringNotEquals") leaves all others. `…IfExists` and
 * `ForAllValues` hold where the key is missing, and so are no more than "unknown".
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 *
 * @param conditions what stands under Condition, in whatever form; none: "yes".
 * @param account twelve digits.
 */
export function strangersMeet(conditions: unknown[], account: string): Answer {
  return every(conditions.flatMap((condition) => answersOf(condition, account)));
}

/**
 * What whoever calls chooses or does himself: it does not tell who he is. An external id is a shared
 * word, and no secret to AWS.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html
 */
const HIS_OWN =
  /^(sts:(externalid|rolesessionname)|aws:(multifactorauthpresent|securetransport|useragent))$/;

/** What compares a key with values, and is false where there is no such key. */
const COMPARES = /^(string(equals|equalsignorecase|like)|arn(equals|like))$/i;

/**
 * The keys that tell who calls, by their lower-case names: does a stranger pass with this value? What
 * is not here (an organization's id, an address, a tag) may keep strangers out or not.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
 */
const whoCalls: Record<string, (value: string, account: string) => Answer> = {
  "aws:principalaccount": passesAs,
  // The principal's ARN; of a session, its role's.
  "aws:principalarn": (value, account) =>
    passesAs(/^arn:aws[a-z-]*:(?:iam|sts)::([^:]*):/.exec(value)?.[1] ?? value, account),
  // Only a service's call has it: with any value, who calls by himself does not meet it.
  "aws:sourceaccount": (value, account) => (value === account ? "no" : "unknown"),
};

function passesAs(value: string, account: string): Answer {
  if (value === account) return "no";
  return /^(\d{12}|\*+)$/.test(value) ? "yes" : "unknown";
}

function answersOf(condition: unknown, account: string): Answer[] {
  const blocks = entriesOf(condition);
  if (!blocks) return ["unknown"];
  return blocks.flatMap(([operator, block]) => {
    const tests = entriesOf(block);
    if (!tests) return ["unknown"];
    return tests.map(([key, held]) => {
      return strangersPass({ operator, key: key.toLowerCase(), values: listOf(held) }, account);
    });
  });
}

function entriesOf(value: unknown): [string, unknown][] | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? Object.entries(value) : undefined;
}

/** One of the values is enough. */
function strangersPass({ operator, key, values }: Test, account: string): Answer {
  if (HIS_OWN.test(key) || /not/i.test(operator)) return "yes";
  const passes = Object.hasOwn(whoCalls, key) ? whoCalls[key] : undefined;
  if (!passes || !COMPARES.test(operator) || values.length === 0) return "unknown";
  return some(
    values.map((value) => (typeof value === "string" ? passes(value, account) : "unknown")),
  );
}
