import type { IpPermission, SecurityGroupRule } from "@aws-sdk/client-ec2";
import type { RuleFact } from "../../events/incident";
import type { Action, Case } from "../case";
import { ruleInWords, rulesOf } from "../infrastructure/permission";

type Input = Action["input"];

/**
 * What each call does to its subject, as people say it; with the call's name behind it in a message.
 * It reads the same whether it was done, would be, or failed.
 */
export const effects: Record<string, (input: Input, known: Case) => string> = {
  "iam:AttachUserPolicy": () => "denied everything, by AWSDenyAll",
  "iam:PutUserPermissionsBoundary": () => "denied everything, by the boundary AWSDenyAll",
  "iam:AttachRolePolicy": () => "denied everything, by AWSDenyAll",
  "iam:PutRolePermissionsBoundary": () => "denied everything, by the boundary AWSDenyAll",
  "iam:DetachUserPolicy": detached,
  "iam:DetachGroupPolicy": detached,
  "iam:DetachRolePolicy": detached,
  "iam:DeleteUserPolicy": deleted,
  "iam:DeleteGroupPolicy": deleted,
  "iam:DeleteRolePolicy": deleted,
  "iam:RemoveUserFromGroup": ({ GroupName }) => `out of group ${GroupName}`,
  "iam:UpdateAccessKey": ({ AccessKeyId }) => `access key ${AccessKeyId} inactive`,
  "iam:DeleteAccessKey": ({ AccessKeyId }) => `access key ${AccessKeyId} deleted`,
  "iam:CreateAccessKey": () => "new access key made",
  "iam:DeleteLoginProfile": () => "password deleted",
  "iam:UpdateSSHPublicKey": ({ SSHPublicKeyId }) => `SSH key ${SSHPublicKeyId} inactive`,
  "iam:UpdateServiceSpecificCredential": ({ ServiceSpecificCredentialId }) =>
    `service-specific credential ${ServiceSpecificCredentialId} inactive`,
  "iam:UpdateSigningCertificate": ({ CertificateId }) =>
    `signing certificate ${CertificateId} inactive`,
  "iam:DeactivateMFADevice": ({ SerialNumber }) => `MFA device ${SerialNumber} deactivated`,
  "secretsmanager:CreateSecret": () => "secret made, with the new access key",
  "secretsmanager:PutSecretValue": () => "new access key put into the secret",
  "ec2:RevokeSecurityGroupIngress": revoked,
  "ec2:AuthorizeSecurityGroupIngress": added,
  "ec2:CreateNetworkAclEntry": entryMade,
  "ec2:DeleteNetworkAclEntry": ({ RuleNumber }) => `entry ${RuleNumber} taken off`,
};

/**
 * One line for each effect, in the order in which it came; what came several times is told once, with
 * how often. What is not done says so first.
 */
export function actionLines(known: Case): string[] {
  const lines = known.actions.map((action) => lineOf(action, known));
  return [...new Set(lines)].map((line) => {
    const times = lines.filter((one) => one === line).length;
    return times > 1 ? `${line}, ${times} times` : line;
  });
}

const OUTCOMES: Record<Action["outcome"], string> = {
  done: "",
  would: "",
  gone: "nothing to take: ",
  full: "NO ROOM: ",
  failed: "FAILED: ",
};

function lineOf({ call, subject, input, outcome, error }: Action, known: Case): string {
  const effect = effects[call];
  const what = effect ? `${subject}: ${effect(input, known)} (${call})` : `${subject}: ${call}`;
  const why = outcome === "done" || outcome === "would" ? "" : `: ${error}`;
  return `${OUTCOMES[outcome]}${what}${why}`;
}

/** AWS's own policies are known by their names; another one's ARN tells whose it is. */
function detached({ PolicyArn }: Input): string {
  return `policy ${String(PolicyArn).replace(/^arn:[\w-]+:iam::aws:policy\/(.*\/)?/, "")} detached`;
}

function deleted({ PolicyName }: Input): string {
  return `inline policy ${PolicyName} deleted`;
}

function revoked({ GroupId, SecurityGroupRuleIds = [] }: Input, { subjects }: Case): string {
  const rules = subjects.flatMap((subject) =>
    subject.kind === "securityGroup" && subject.groupId === GroupId ? subject.before.rules : [],
  );
  const told = (SecurityGroupRuleIds as string[]).map((id) => ruleText(id, rules));
  return `rule ${told.join(", ")} revoked`;
}

/** What comes in place of a rule that goes is much, where a trusted service's ranges are let in. */
function added({ IpPermissions = [] }: Input): string {
  const rules = (IpPermissions as IpPermission[]).flatMap(rulesOf).map(ruleInWords);
  const rest = rules.length - MOST_RULES;
  return `added ${rules.slice(0, MOST_RULES).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

const MOST_RULES = 10;

/** The case's rules are of a record, or of EC2. */
function ruleText(id: string, rules: unknown[]): string {
  const rule = (rules as (RuleFact & SecurityGroupRule)[]).find(
    (one) => one.id === id || one.SecurityGroupRuleId === id,
  );
  if (!rule) return id;
  const { protocol, fromPort, toPort, source } = rule;
  const told = { IpProtocol: protocol, FromPort: fromPort, ToPort: toPort, CidrIpv4: source };
  return `${id} (${ruleInWords(rule.id ? told : rule)})`;
}

function entryMade({ RuleNumber, RuleAction, CidrBlock, Ipv6CidrBlock, PortRange }: Input): string {
  const { From, To } = (PortRange ?? {}) as { From?: number; To?: number };
  const ports = From === undefined ? "" : ` port ${From === To ? From : `${From}-${To}`}`;
  return `entry ${RuleNumber} made: ${RuleAction}${ports} from ${CidrBlock ?? Ipv6CidrBlock}`;
}
