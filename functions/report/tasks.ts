import type { Incident, Subject } from "../../events/incident";
import { howToEnd, isReservedName, revokeSessions } from "../../events/role";
import type { Action, Case, CaseSubject, LostRule } from "../case";
import { permissionOf, ruleInWords } from "../infrastructure/permission";

/** What an incident came to, as far as it makes work for people. */
export interface Aftermath {
  incident?: Incident;
  known?: Case;
  /** Where the case is, as `npm run restore` takes it; undefined where it is nowhere. */
  caseAt?: string;
  /** The execution's ARN. */
  execution: string;
  /** The execution failed, or something is open. */
  unfinished: boolean;
  /** A session block is still there after its time. */
  blocked: boolean;
}

/**
 * What no machine can do after an incident, in the order in which a person should do it, each with the
 * command. Nothing where nothing was taken and nothing is open.
 *
 * A command names nothing that a shell would read: the names come from records, where whoever makes a
 * user, a policy or a path chooses them.
 */
export function tasksAfter(after: Aftermath): string[] {
  const { known, unfinished, blocked } = after;
  // All else has been told by the message before.
  if (blocked) return (known?.subjects ?? []).flatMap((subject) => notLifted(subject, after));
  const taken = known?.actions.some(({ outcome }) => outcome === "done") ?? false;
  if (!taken && !(unfinished && known?.mode !== "observe")) return [];
  return [
    ...(unfinished ? byHand(after) : []),
    ...giveBack(known?.lost ?? []),
    ...callerTasks(after),
    ...(taken && known ? known.subjects.flatMap((subject) => tasksOf(subject, known, after)) : []),
  ];
}

/** What a shell leaves alone, and no option's beginning. */
const PLAIN = /^[\w+=,.@:/][\w+=,.@:/-]{0,699}$/;

/** The text, where the name in it is plain; otherwise what says the same without a command. */
function where(name: string | undefined, text: string, otherwise: string): string[] {
  return [name !== undefined && PLAIN.test(name) ? text : otherwise];
}

/** What a pass left undone, as commands; then a new execution looks at all of it again. */
function byHand({ incident, known, execution }: Aftermath): string[] {
  const [, partition, , region, account, , machine] = execution.split(":");
  const subjects = known?.subjects.length ? known.subjects : (incident?.subjects ?? []);
  const machineArn = `arn:${partition}:states:${region}:${account}:stateMachine:${machine}`;
  return [
    ...subjects.flatMap((subject) => stillIn(subject, known, `arn:${partition}`)),
    ...failedCalls(known?.actions ?? []).map(
      (one) => `By hand, since it failed: ${commandOf(one) ?? `${one.call} on ${one.subject}`}`,
    ),
    "Run it again when the cause is gone, which is harmless: " +
      `aws stepfunctions describe-execution --execution-arn ${execution} --query input --output text > event.json; ` +
      `aws stepfunctions start-execution --state-machine-arn ${machineArn} --input file://event.json`,
  ];
}

/** What no failed call tells: nothing was tried, or somebody has undone it. */
function stillIn(subject: Subject | CaseSubject, known: Case | undefined, arn: string): string[] {
  const tried = (subjectName: string, calls: RegExp) =>
    known?.actions.some((one) => one.subject === subjectName && calls.test(one.call)) ?? false;
  if (subject.kind === "user") {
    const { name } = subject;
    const undone = known?.open.includes(`user ${name} has no AWSDenyAll`);
    if (tried(`user ${name}`, /^iam:(AttachUserPolicy|PutUserPermissionsBoundary)$/) && !undone) {
      return [];
    }
    return where(
      name,
      `User ${name} is NOT denied: aws iam attach-user-policy --user-name ${name} --policy-arn ${arn}:iam::aws:policy/AWSDenyAll (or, where he has ten policies: aws iam put-user-permissions-boundary --user-name ${name} --permissions-boundary ${arn}:iam::aws:policy/AWSDenyAll)`,
      `Attach AWSDenyAll to this user, who is NOT denied: ${name}`,
    );
  }
  if (subject.kind !== "securityGroup" || tried(subject.groupId ?? "", /^ec2:Revoke/)) return [];
  return where(
    subject.groupId,
    `See whether ${subject.groupId} is open: aws ec2 describe-security-group-rules --filters Name=group-id,Values=${subject.groupId}`,
    "See which security group is open",
  );
}

/** The calls that failed and were not made by a later pass, each once. */
function failedCalls(actions: Action[]): Action[] {
  const key = ({ call, input }: Action) => `${call} ${JSON.stringify(input)}`;
  const last = new Map(actions.map((one) => [key(one), one]));
  // A rule that could not be added is given back by a command of its own.
  return [...last.values()].filter(
    ({ call, outcome }) => outcome === "failed" && call !== "ec2:AuthorizeSecurityGroupIngress",
  );
}

/** One command a group. It fails whole where one of the rules is there: somebody has added it. */
function giveBack(lost: LostRule[]): string[] {
  const groups = [...new Set(lost.map(({ groupId }) => groupId))];
  return groups.map((groupId) => {
    const rules = lost.filter((one) => one.groupId === groupId).map(({ rule }) => rule);
    const words = rules.map(ruleInWords).join("; ");
    const values = rules.flatMap((rule) => Object.values(rule)).map(String);
    const isPlain = [groupId, ...values].every((one) => PLAIN.test(one) || one === "-1");
    return isPlain
      ? `Give back what ${groupId} lost beside SSH to the world (${words}), once there is room for it, or the calls are permitted: aws ec2 authorize-security-group-ingress --group-id ${groupId} --ip-permissions '${JSON.stringify(rules.map(permissionOf))}'`
      : `Give back what this group lost beside SSH to the world: ${groupId} (${words})`;
  });
}

/**
 * The AWS CLI's command for a call whose input is plain: it names commands and options after the API's
 * calls and parameters. undefined where it is not: a network ACL's entry has a shape of its own.
 */
function commandOf({ call, input }: Action): string | undefined {
  const [service, name = ""] = call.split(":");
  const options = Object.entries(input).map(([key, value]) => {
    const values = Array.isArray(value) ? value : [value];
    const plain = values.every((one) => typeof one === "string" && PLAIN.test(one));
    return plain ? `--${kebab(key)} ${values.join(" ")}` : undefined;
  });
  if (options.includes(undefined)) return undefined;
  return `aws ${service} ${kebab(name)} ${options.join(" ")}`;
}

/** "UpdateSSHPublicKey" → "update-ssh-public-key" */
function kebab(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1-$2")
    .toLowerCase();
}

/** Whoever made the call has the rights to make it again. */
function callerTasks({ incident, known, execution }: Aftermath): string[] {
  const { type, userName, roleArn } = incident?.actor ?? {};
  const role = roleArn?.split("/").at(-1);
  if (role !== undefined && !isContained(known, "role", role)) return sessionTasks(role, known);
  if (type === "Root") {
    return ["If no person of yours used the root user: change its password, and delete its keys"];
  }
  if (userName === undefined || isContained(known, "user", userName)) return [];
  return where(
    userName,
    `User ${userName}, who made the call, was NOT contained; if it was not ${userName}: npm run contain -- user ${userName} --stack ${stackOf(execution)}`,
    `Contain this user, who made the call and was NOT contained, if it was not he: ${userName}`,
  );
}

/** Where an alert tells of the role, it has the command. */
function sessionTasks(role: string, known: Case | undefined): string[] {
  if (known?.alerts.some((alert) => alert.includes(`role ${role} `))) return [];
  const how = isReservedName(role) ? howToEnd(role) : revokeSessions(role);
  return where(
    role,
    `A session of role ${role} made the call, and goes on; if it was not one of yours: ${how}`,
    `End the sessions of this role, one of which made the call and goes on, if it was not one of yours: ${role}`,
  );
}

function isContained(known: Case | undefined, kind: "user" | "role", name: string): boolean {
  const kinds = kind === "user" ? ["user", "applicationUser"] : ["role"];
  return (
    known?.subjects.some(
      (one) => kinds.includes(one.kind) && (one as { name?: string }).name === name,
    ) ?? false
  );
}

function tasksOf(subject: CaseSubject, known: Case, { caseAt }: Aftermath): string[] {
  switch (subject.kind) {
    case "user":
    case "applicationUser":
      return userTasks(subject, known);
    case "group":
      return groupTasks(subject);
    case "policy":
      return policyTasks(subject);
    case "role":
      return roleTasks(subject);
    case "securityGroup":
      return securityGroupTasks(subject);
    case "networkAcl":
      return networkAclTasks(subject, caseAt);
    default:
      return [];
  }
}

type Of<Kind> = Extract<CaseSubject, { kind: Kind }>;

/**
 * Source: CloudTrail API Reference, LookupAttribute, Username,
 * https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupAttribute.html
 */
function lookUp(key: "Username" | "ResourceName", value: string): string {
  const asked = JSON.stringify([{ AttributeKey: key, AttributeValue: value }]);
  return `aws cloudtrail lookup-events --lookup-attributes '${asked}'`;
}

function userTasks(subject: Of<"user"> | Of<"applicationUser">, { actions }: Case): string[] {
  const { name } = subject;
  if (!PLAIN.test(name)) return [`See in CloudTrail what this user did: ${name}`];
  const did = (call: string) =>
    actions.some(
      (one) => one.call === call && one.outcome === "done" && one.subject === `user ${name}`,
    );
  return [
    `See what ${name} did: ${lookUp("Username", name)}`,
    ...(subject.kind === "applicationUser"
      ? [`Move the application to the key in the secret ${subject.secret ?? "that the case names"}`]
      : [`Ask the owner of ${name} for new keys and a new password before anything is given back`]),
    ...(did("iam:DeleteLoginProfile")
      ? [
          `The password of ${name} cannot come back: aws iam create-login-profile --user-name ${name} --password-reset-required --password "$PASSWORD"`,
        ]
      : []),
    ...(did("iam:DeactivateMFADevice")
      ? [`The MFA device of ${name} cannot come back: ${name} registers it anew`]
      : []),
  ];
}

/** The members keep what they had before, and what they did with the grant in between. */
function groupTasks({ name, before: { members } }: Of<"group">): string[] {
  const plain = members.filter((member) => PLAIN.test(member));
  const rest = members.length - plain.length;
  return [
    ...where(
      name,
      `See what group ${name} grants now: aws iam list-attached-group-policies --group-name ${name}; aws iam list-group-policies --group-name ${name}`,
      `See what this group grants now: ${name}`,
    ),
    ...(plain.length > 0
      ? [
          `See what its members did meanwhile: for U in ${plain.slice(0, MOST_NAMED).join(" ")}; do ${lookUp("Username", "'$U'")}; done`,
        ]
      : []),
    ...(rest > 0 || plain.length > MOST_NAMED
      ? [`And the other members, whom the case names: ${members.length} in all`]
      : []),
  ];
}

const MOST_NAMED = 10;

/** It left users and groups, and is what it became: the next one who gets it is an admin. */
function policyTasks({ arn }: Of<"policy">): string[] {
  return where(
    arn,
    `${arn} still makes an admin of whoever gets it. Make a good version the default (v1 here), then delete the bad one: ` +
      `aws iam list-policy-versions --policy-arn ${arn}; ` +
      `aws iam get-policy-version --policy-arn ${arn} --version-id v1; ` +
      `aws iam set-default-policy-version --policy-arn ${arn} --version-id v1`,
    `Make a good version the default of this policy, which still makes an admin of whoever gets it: ${arn}`,
  );
}

/**
 * CloudTrail lists a role's ARN as resource of the calls that assumed it.
 * Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupAttribute.html
 */
function roleTasks({ name, before }: Of<"role">): string[] {
  return [
    ...where(
      before?.arn,
      `See who had assumed role ${name}: ${lookUp("ResourceName", before?.arn ?? "")}`,
      `See in CloudTrail who had assumed this role: ${name}`,
    ),
    ...where(
      name,
      `See who may assume it, which was left as it is: aws iam get-role --role-name ${name} --query Role.AssumeRolePolicyDocument`,
      "See who may assume it, which was left as it is",
    ),
    "Give what runs with it another role until it is given back",
  ];
}

function securityGroupTasks({ groupId }: Of<"securityGroup">): string[] {
  return where(
    groupId,
    `See which machines stood open by ${groupId}, and on each who logged in (last -a; journalctl -t sshd): aws ec2 describe-network-interfaces --filters Name=group-id,Values=${groupId} --query 'NetworkInterfaces[].[Attachment.InstanceId,PrivateIpAddress,Association.PublicIp]' --output text`,
    `See which machines stood open by this group, and who logged in: ${groupId}`,
  ).concat(
    where(
      groupId,
      `Whoever needs SSH gets his own network in: aws ec2 authorize-security-group-ingress --group-id ${groupId} --protocol tcp --port 22 --cidr 203.0.113.0/24`,
      "Whoever needs SSH gets his own network in",
    ),
  );
}

function networkAclTasks({ aclId, until }: Of<"networkAcl">, caseAt: string | undefined): string[] {
  const sooner = caseAt ? ` Sooner: ${liftOf(caseAt)}` : "";
  return [
    `SSH is blocked in network ACL ${aclId} until ${until}; then the block lifts itself.${sooner}`,
  ];
}

function notLifted(subject: CaseSubject, { caseAt }: Aftermath): string[] {
  if (subject.kind !== "networkAcl") return [];
  const { aclId, block } = subject;
  const numbers = block.add.map(({ number }) => number).join(", ");
  return [
    caseAt
      ? `Lift the block of ${aclId}: ${liftOf(caseAt)}`
      : `Take the block's entries off ${aclId}: inbound ${numbers}`,
  ];
}

function liftOf(caseAt: string): string {
  return `npm run restore -- ${caseAt} --only network-acls`;
}

/** A machine is named after its project and stack. */
export function stackOf(execution: string): string {
  return (execution.split(":")[6] ?? "").replace(/^tourniquet-/, "");
}
