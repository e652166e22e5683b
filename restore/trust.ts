import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { IAMClient } from "@aws-sdk/client-iam";
import type { STSClient } from "@aws-sdk/client-sts";
import { parse } from "yaml";
import { type Actor, isNamedBy } from "../events/actor";
import { fieldsOf } from "../events/record";
import { readSettings } from "../settings";

/** Whom the operator's credentials belong to. */
export interface Operator {
  account: string;
  actor: Actor;
}

/**
 * Who calls. A session's ARN lacks the path of its role, which a pattern in trustedActors may have,
 * so the role is asked for; who may not ask is taken for a role without a path.
 * Source: STS API Reference, GetCallerIdentity,
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */
export async function whoCalls(
  stsSdk: typeof import("@aws-sdk/client-sts"),
  sts: STSClient,
  iamSdk: typeof import("@aws-sdk/client-iam"),
  iam: IAMClient,
): Promise<Operator> {
  const { Account = "", Arn = "" } = await sts.send(new stsSdk.GetCallerIdentityCommand({}));
  const [, partition, role] = /^arn:([^:]+):sts::\d+:assumed-role\/([^/]+)\//.exec(Arn) ?? [];
  if (!role) return { account: Account, actor: { type: "IAMUser", arn: Arn } };
  const roleArn = await iam.send(new iamSdk.GetRoleCommand({ RoleName: role })).then(
    ({ Role }) => Role?.Arn,
    () => undefined,
  );
  return {
    account: Account,
    actor: {
      type: "AssumedRole",
      arn: Arn,
      roleArn: roleArn ?? `arn:${partition}:iam::${Account}:role/${role}`,
    },
  };
}

/**
 * The deployed stack's trustedActors, from its file.
 *
 * @throws where there is no such file, or settings.ts does not accept what is in it.
 */
export function trustedActorsOf(file: string): string[] {
  if (!existsSync(file)) {
    throw new Error(
      `there is no ${file}, which has the trustedActors: name a stack that is deployed from here, --stack lab`,
    );
  }
  const config = fieldsOf(fieldsOf(parse(readFileSync(file, "utf8"))).config);
  const texts = Object.entries(config).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const exemptions =
    process.env.TOURNIQUET_EXEMPTIONS_FILE ?? path.join(__dirname, "..", "exemptions.yaml");
  return readSettings(Object.fromEntries(texts), exemptions).trustedActors;
}

/** Why this operator may not restore: his calls would be contained again. undefined: he may. */
export function distrust({ actor }: Operator, trusted: string[], file: string): string | undefined {
  if (isNamedBy(actor, trusted)) return undefined;
  const shown = trusted.length > 0 ? trusted.join(", ") : "nobody";
  return (
    `${actor.roleArn ?? actor.arn} is not in tourniquet:trustedActors of ${path.basename(file)} ` +
    `(${shown}): what you give back would be contained again. Use credentials that are, or add ` +
    "this ARN, run pulumi up, and restore then"
  );
}
