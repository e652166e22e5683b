import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { IAMClient } from "@aws-sdk/client-iam";
import type { STSClient } from "@aws-sdk/client-sts";
import { parse } from "yaml";
import { type Actor, isNamedBy } from "../events/actor";
import { fieldsOf } from "../events/record";
import { readSettings, trustedActorsKey } from "../settings";
import { bucketOf, type Shelf } from "./read";

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

/** Whose calls the deployed rule lets be, and where that is written; or why it is not known. */
export type Trust = { actors: string[]; where: string } | { unknown: string };

/**
 * The trustedActors that are deployed, as components/deployedTrust.ts writes them to the case bucket.
 * The bucket has to be the account's own: anybody may make one by a name.
 * Source: S3 API Reference, GetObject, x-amz-expected-bucket-owner,
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
export async function deployedTrust(
  { sdk, s3 }: Shelf,
  stack: string,
  account: string,
): Promise<Trust> {
  const Bucket = bucketOf(stack, account);
  const where = `s3://${Bucket}/${trustedActorsKey}`;
  const input = { Bucket, Key: trustedActorsKey, ExpectedBucketOwner: account };
  try {
    const { Body } = await s3.send(new sdk.GetObjectCommand(input));
    const actors: unknown = JSON.parse((await Body?.transformToString()) ?? "");
    if (!isTexts(actors)) throw new Error("it is no list of ARN patterns");
    return { actors, where };
  } catch (error) {
    const { name, message } = error as Error;
    return { unknown: `${where} could not be read: ${name}: ${message}. ${wayOut(name, stack)}` };
  }
}

function wayOut(error: string, stack: string): string {
  return /^(AccessDenied|Forbidden|403)$/.test(error)
    ? "Use credentials that may s3:GetObject it"
    : `It has the trustedActors that are deployed, and pulumi up -s ${stack} writes it`;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

/**
 * The trustedActors of a stack's file, for a case in a file where nothing tells the stack's bucket.
 * Whether they are deployed is the operator's word.
 *
 * @throws where there is no such file, or settings.ts does not accept what is in it.
 */
export function trustedActorsOf(file: string): string[] {
  if (!existsSync(file)) {
    throw new Error(
      `there is no ${file}, which has the trustedActors: name the stack, --stack lab, and what is deployed is read`,
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
export function distrust({ actor }: Operator, trust: Trust): string | undefined {
  if ("unknown" in trust) return trust.unknown;
  if (isNamedBy(actor, trust.actors)) return undefined;
  const shown = trust.actors.length > 0 ? trust.actors.join(", ") : "nobody";
  return (
    `${actor.roleArn ?? actor.arn} is not in tourniquet:trustedActors of ${trust.where} ` +
    `(${shown}): what you give back would be contained again. Use credentials that are, or add ` +
    "this ARN, run pulumi up, and restore then"
  );
}
