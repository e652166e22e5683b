import type { ScenarioResult } from "../drill/result";

/** What became of a scenario in which one call was made to fail. */
export interface Verdict {
  /**
   * `contained`: everything that the scenario expects is true. `told`: it ended in Failed, and the
   * message names all that is open and nothing else, or it contained nobody and names whom the looks
   * did not let judge. `unsure`: it ended in Failed, and the message
   * names the error that kept it from looking, not what is open. `defect`: anything else.
   */
  verdict: "contained" | "told" | "unsure" | "defect";
  /** Of a defect, what is wrong; else empty. */
  reasons: string[];
}

/**
 * How a message names what an expectation looks at, by the expectation's call: a way in that is
 * open, or the call that should have taken it.
 */
const NAMED: Record<string, RegExp> = {
  ListAccessKeys: /active key|replacement key|UpdateAccessKey|CreateAccessKey/,
  GetLoginProfile: /console password|DeleteLoginProfile/,
  ListSSHPublicKeys: /active SSH key|UpdateSSHPublicKey/,
  ListSigningCertificates: /active certificate|UpdateSigningCertificate/,
  ListServiceSpecificCredentials: /service-specific|UpdateServiceSpecificCredential/,
  ListMFADevices: /MFA device|DeactivateMFADevice/,
  ListAttachedUserPolicies: /has arn|AWSDenyAll|AttachUserPolicy|DetachUserPolicy| → /,
  ListUserPolicies: /DeleteUserPolicy| → /,
  GetUser: /AWSDenyAll|AttachUserPolicy|PutUserPermissionsBoundary/,
  ListGroupsForUser: /RemoveUserFromGroup| → group/,
  GetGroup: /RemoveUserFromGroup|^group | → group/,
  ListAttachedGroupPolicies: /^group |DetachGroupPolicy/,
  ListGroupPolicies: /^group |DeleteGroupPolicy| → group/,
  GetRole: /^role |AttachRolePolicy|PutRolePermissionsBoundary/,
  ListAttachedRolePolicies: /^role |(At|De)tachRolePolicy/,
  ListRolePolicies: /^role |DeleteRolePolicy/,
  ListEntitiesForPolicy: /(user|group) \S+ has arn|Detach(User|Group)Policy/,
  DescribeSecret: /secret|replacement key|CreateAccessKey/i,
  DescribeSecurityGroupRules: /^sg-|sgr-|(Revoke|Authorize)SecurityGroupIngress/,
  DescribeSecurityGroups: /sgr-|RevokeSecurityGroupIngress/,
  DescribeNetworkAcls: /^acl-\S+ |NetworkAclEntry|^sessions of /,
  ListObjectsV2: /^acl-\S+ |NetworkAclEntry/,
};

/** A call of the attacker that must be refused and is not: his key or his rights are left. */
const STILL_IN =
  /active key|UpdateAccessKey|AWSDenyAll|AttachUserPolicy|has arn|Detach| → |^(group|role) /;

/** A way in that a message names as open now, and the call by which an expectation looks at it. */
const OPEN_NOW: [named: RegExp, action: string][] = [
  [/^user (\S+) has the active key/, "ListAccessKeys"],
  [/^user (\S+) has a console password/, "GetLoginProfile"],
  [/^user (\S+) has the active SSH key/, "ListSSHPublicKeys"],
  [/^user (\S+) has the active certificate/, "ListSigningCertificates"],
  [/^user (\S+) has the active service-specific/, "ListServiceSpecificCredentials"],
  [/^user (\S+) has the MFA device/, "ListMFADevices"],
];

/** How a message is worded and how it ends, where nothing fails. */
const ITS_OWN = /^expect\.(messages|ends)/;

/** Where a denial did not come by a boundary, as it does without a fault. */
const BY_BOUNDARY = /^expect\.state\[\d+\] iam:Get(User|Role) .*PermissionsBoundaryArn:/;

/** What a user or role has attached, as wanted and as found. */
const ATTACHED =
  /^expect\.state\[\d+\] iam:ListAttached(?:User|Role)Policies .*: wanted is (\[.*\]), got (\[.*\])$/;

/** Is AWSDenyAll alone missing? */
function lacksDenyAllOnly(unmet: string): boolean {
  const [, wanted, got] = ATTACHED.exec(unmet) ?? [];
  if (!wanted || !got) return false;
  const others = (JSON.parse(wanted) as string[]).filter((one) => one !== "AWSDenyAll");
  return JSON.stringify(others) === JSON.stringify(JSON.parse(got));
}

/** A record of a session block: the next sweep takes it away, with what it tells of. */
const SWEPT = /^expect\.state\[\d+\] s3:ListObjectsV2 Contents: wanted absent/;
const BLOCKED = /^expect\.state\[\d+\] ec2:DescribeNetworkAcls /;

/**
 * Judges a run with an injected fault.
 *
 * @param expect what the scenario expects without one.
 */
export function judge(
  result: ScenarioResult,
  expect: { state: { action: string }[]; denied: unknown[] },
): Verdict {
  const { failures, messages = [] } = result;
  const looked = expect.state.map(({ action }) => action);
  const failed = result.executions.some(({ path }) => path.includes("Failed"));
  const all = result.unmet ?? [];
  const isDenied = expect.denied.length > 0 && !all.some((one) => one.startsWith("expect.denied"));
  const isSwept = !failed && all.some((one) => SWEPT.test(one));
  // By what means somebody is denied does not matter, and what a sweep will find is not lost.
  const unmet = all.filter(
    (one) =>
      !ITS_OWN.test(one) &&
      !(isDenied && (BY_BOUNDARY.test(one) || lacksDenyAllOnly(one))) &&
      !(isSwept && (SWEPT.test(one) || BLOCKED.test(one))),
  );
  const alarms = failures.filter((one) => one.startsWith("tick: "));
  const rest = failures.filter(
    (one) =>
      !all.includes(one) &&
      !ITS_OWN.test(one) &&
      !alarms.includes(one) &&
      !(failed && MAY_FAIL.test(one)),
  );
  if (rest.length > 0) return { verdict: "defect", reasons: rest };
  // What runs by the clock is told by its alarm, and runs again in an hour.
  if (alarms.length > 0) return { verdict: "told", reasons: [] };
  if (!failed) {
    if (unmet.length > 0 && messages.some(isDoubt)) return { verdict: "told", reasons: [] };
    const reasons = unmet.map((one) => `ended in EndState, yet ${one}`);
    return { verdict: reasons.length > 0 ? "defect" : "contained", reasons };
  }
  const told = messages.filter(({ subject }) => /NOT (CONTAINED|LIFTED)|MORE LOST/.test(subject));
  // Only a failed Publish keeps a message back: the alarm on failed executions is the way then.
  if (told.length === 0) {
    const reasons = unmet.map((one) => `nobody was told that ${one}`);
    return { verdict: reasons.length > 0 ? "defect" : "told", reasons };
  }
  const open = told.flatMap(({ body }) => openIn(body));
  const errors = told.flatMap(({ body }) => /^Failed: .+$/m.exec(body) ?? []);
  const unnamed = unmet.filter((one) => !isNamed(one, open));
  const wrong = open.filter((one) => !isTrue(one, unmet, looked));
  const collateral = unmet.filter((one) => one.startsWith("expect.allowed"));
  if (wrong.length + collateral.length > 0) {
    const reasons = [...wrong.map((one) => `told, and not so: ${one}`), ...collateral];
    return { verdict: "defect", reasons };
  }
  if (unnamed.length === 0 && open.length > 0) return { verdict: "told", reasons: [] };
  if (open.length === 0 && errors.length > 0) return { verdict: "unsure", reasons: [] };
  return { verdict: "defect", reasons: unnamed.map((one) => `open and not told: ${one}`) };
}

/** A message that claims no containment, and names whom the looks did not let judge. */
function isDoubt({ subject, body }: { subject: string; body: string }): boolean {
  return /: look at /.test(subject) && /^- Whether .+ could not be told: /m.test(body);
}

/**
 * What a fault may break as long as it does so loudly: the law on ends, and a lift, where there is
 * no block to lift.
 */
const MAY_FAIL = /^execution \S+ FAILED in .* → Failed → Fail$|^lift: no execution waits/s;

/** What a message's lists name as open, or as lost beside what was closed. */
function openIn(body: string): string[] {
  const lists = body.split(/^(?:STILL OPEN|LOST .+):\n/m).slice(1);
  return lists
    .map((list) => list.split("\n\n")[0] ?? "")
    .flatMap((lines) => lines.split("\n"))
    .flatMap((line) => /^- (.+)$/.exec(line)?.[1] ?? []);
}

/** By what is open, or by the look that failed and would have shown it. */
function isNamed(unmet: string, open: string[]): boolean {
  const [, call = "", action] = /^expect\.state\[\d+\] (\w+:(\w+))/.exec(unmet) ?? [];
  if (action && open.some((one) => one.includes(`${call} failed`))) return true;
  const named = action ? NAMED[action] : unmet.startsWith("expect.denied") ? STILL_IN : undefined;
  return named !== undefined && open.some((one) => named.test(one));
}

/** Is what the message calls open unmet indeed? What no expectation looks at is not judged. */
function isTrue(open: string, unmet: string[], looked: string[]): boolean {
  const action = OPEN_NOW.find(([named]) => named.test(open))?.[1];
  if (!action || !looked.includes(action)) return true;
  return unmet.some((one) => one.includes(`:${action}`));
}
