import { type Answer, some } from "./answer";
import { fieldsOf, listOf, parse } from "./policyDocument";
import { strangersMeet } from "./trustCondition";

/** Whom a role's trust policy lets in from outside, and whether that could be told. */
export interface TrustJudgement {
  answer: Answer;
  /**
   * "everybody", or the principals of other accounts, as the policy writes them: those who get in, or
   * where that is not known, those who may.
   */
  strangers: string[];
}

/**
 * Does a trust policy let a stranger assume the role: everybody, or another account's principal?
 *
 * A condition excuses what it keeps out for certain; "unknown" is one that may. Services and identity
 * providers are no strangers: they act for this account, under conditions of their own.
 * What is no principal's ARN or account number (the id that stands for a deleted principal) is nobody.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
 *
 * @param document an object, JSON text, or the same encoded for a URL.
 * @param account twelve digits; where they are not known, every named account is another one.
 */
export function strangersIn(document: unknown, account: string): TrustJudgement {
  const fields = fieldsOf(typeof document === "string" ? parse(document) : document);
  const statements = fields?.("Statement").flatMap(listOf) ?? [];
  if (statements.length === 0) return { answer: "unknown", strangers: [] };
  const judged = statements.map((one) => judge(one, account));
  const answer = some(judged.map((one) => one.answer));
  const strangers = judged.flatMap((one) => (one.answer === answer ? one.strangers : []));
  return { answer, strangers: answer === "no" ? [] : [...new Set(strangers)] };
}

/** One statement: whom it names, and whether he can meet its conditions. */
function judge(statement: unknown, account: string): TrustJudgement {
  const fields = fieldsOf(statement);
  if (!fields) return { answer: "unknown", strangers: [] };
  const strangers = strangersOf(statement, account);
  if (strangers.length === 0) return { answer: "no", strangers };
  return { answer: strangersMeet(fields("Condition"), account), strangers };
}

/** The services that a trust policy lets assume the role, as it writes them. */
export function servicesIn(document: unknown): string[] {
  const fields = fieldsOf(typeof document === "string" ? parse(document) : document);
  const statements = fields?.("Statement").flatMap(listOf) ?? [];
  const named = statements.flatMap((one) =>
    (fieldsOf(one)?.("Principal") ?? []).flatMap((principal) =>
      (fieldsOf(principal)?.("Service") ?? []).flatMap(listOf),
    ),
  );
  return [...new Set(named.filter((one) => typeof one === "string"))].sort();
}

function strangersOf(statement: unknown, account: string): string[] {
  const fields = fieldsOf(statement);
  if (!fields || fields("Effect").includes("Deny")) return [];
  if (fields("NotPrincipal").length > 0) return ["everybody"];
  return fields("Principal").flatMap((principal) => {
    if (principal === "*") return ["everybody"];
    const named = (fieldsOf(principal)?.("AWS") ?? []).flatMap(listOf).map(String);
    return named.flatMap((one) => strangerIn(one, account));
  });
}

function strangerIn(principal: string, account: string): string[] {
  if (principal === "*") return ["everybody"];
  const owner = /^(?:arn:[^:]+:(?:iam|sts)::)?(\d{12})(?::.*)?$/.exec(principal)?.[1];
  return owner === undefined || owner === account ? [] : [principal];
}
