import type { Answer } from "./answer";
import { fieldsOf, listOf, parse } from "./policyDocument";

/** Whom a role's trust policy lets in from outside, and whether that could be told. */
export interface TrustJudgement {
  answer: Answer;
  /** "everybody", or the principals of other accounts, as the policy writes them. */
  strangers: string[];
}

/**
 * Does a trust policy let a stranger assume the role: everybody, or another account's principal?
 *
 * Conditions excuse nothing, as elsewhere in the rulebook: an external id is a shared word. Services
 * and identity providers are no strangers: they act for this account, under conditions of their own.
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
  const strangers = [...new Set(statements.flatMap((one) => strangersOf(one, account)))];
  if (strangers.length > 0) return { answer: "yes", strangers };
  const readable = statements.every((one) => fieldsOf(one) !== undefined);
  return { answer: readable ? "no" : "unknown", strangers };
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
