import assert from "node:assert/strict";
import type { Subject } from "../../events/incident";
import type { Look } from "../../functions/account/look";
import type { RoleLook } from "../../functions/account/role";
import { breakSessionsActions } from "../../functions/BreakSessions";
import type { Action, CaseSubject } from "../../functions/case";
import { emergencyActionAccountActions } from "../../functions/EmergencyActionAccount";
import { emergencyActionApplicationActions } from "../../functions/EmergencyActionApplication";
import { emergencyActionInfrastructureActions } from "../../functions/EmergencyActionInfrastructure";
import { narrowOpenSshActions } from "../../functions/NarrowOpenSsh";
import { isRestorable } from "../../functions/restorable";
import { stripAccountActions } from "../../functions/StripAccount";
import type { CaseFile } from "../../restore/caseFile";
import { type Plan, planRestore, type Wishes } from "../../restore/plan";
import type { Present } from "../../restore/present";
import { knownCalls } from "../../restore/readers";
import {
  ADMIN,
  ALLOW_ALL,
  bareLook,
  caseOf,
  DENY_ALL,
  HARMLESS,
  incident,
  KEY,
  READ_ONLY,
  TEAM,
} from "../functions/given";

const OTHER_KEY = "AKIA0000000000000002";
const SSH_KEY = "APKA0000000000000001";
const everything: Wishes = { only: [], force: false, falseAlarm: false };

function done(call: string, input: Record<string, unknown>, subject = "user bob"): Action {
  return { call, subject, input, outcome: "done", at: "2026-06-01T12:00:01.000Z" };
}

const bob = { UserName: "bob" };
const deny = done("iam:AttachUserPolicy", { ...bob, PolicyArn: DENY_ALL });
const detachTeam = done("iam:DetachUserPolicy", { ...bob, PolicyArn: TEAM });
const detachAdmin = done("iam:DetachUserPolicy", { ...bob, PolicyArn: ADMIN });
const keyOff = done("iam:UpdateAccessKey", { ...bob, AccessKeyId: KEY, Status: "Inactive" });

function fileOf(o: {
  actions: Action[];
  before?: Partial<Look>;
  subjects?: CaseSubject[];
  record?: Subject;
  event?: string;
  parameters?: object;
  actorKey?: string;
  actor?: string;
  round?: number;
}): CaseFile {
  const { actions, before, subjects, record, event, parameters, actorKey, actor, round } = o;
  const user: CaseSubject = {
    kind: "user",
    name: "bob",
    ...(before && { before: { ...bareLook, ...before } }),
  };
  const plain = incident([record ?? { kind: "user", name: "bob", proved: false }]);
  return {
    ...caseOf({ actions, subjects: subjects ?? [user], round: round ?? 1 }),
    incident: {
      ...plain,
      event: { ...plain.event, ...(event && { name: event }) },
      actor: {
        ...plain.actor,
        ...(actor && { userName: actor }),
        ...(actorKey && { accessKeyId: actorKey }),
      },
      record: parameters ? { requestParameters: parameters } : {},
    },
  };
}

function presentOf(
  look: Partial<Look> | null,
  over: Partial<Present> = {},
  made: Record<string, string> = {},
): Present {
  return {
    users: { bob: look && { name: "bob", look: { ...bareLook, ...look }, made } },
    groups: {},
    policies: {},
    securityGroups: {},
    ...over,
  };
}

/** A plan in short; what is empty is left out. */
function told({ steps, there, left, drift, stops }: Plan) {
  const all = {
    steps: steps.map(({ item, call, input }) => [item, call, input]),
    there,
    left: left.map(({ item, why }) => `${item}: ${why}`),
    drift: drift.map(({ item, what }) => `${item}: ${what}`),
    stops: stops.map(({ item }) => item),
  };
  return Object.fromEntries(Object.entries(all).filter(([, list]) => list.length > 0));
}

const ownersDeny =
  "deny:bob: the record took the owner's own AWSDenyAll off; the case's stays in its place (--false-alarm takes it off)";
const detachNotUndone =
  "record:DetachUserPolicy: the record's own call, DetachUserPolicy, is not undone: the case does not know what was before it";
const teamPolicy = { document: HARMLESS, versions: [] };
const liftDeny = ["deny:bob", "iam:DetachUserPolicy", { ...bob, PolicyArn: DENY_ALL }];
const attachTeam = [`policies:bob:${TEAM}`, "iam:AttachUserPolicy", { ...bob, PolicyArn: TEAM }];
const told22 = { protocol: "tcp", fromPort: 22, toPort: 22, source: "::/0" };
/** Under the id that a rule has got since. */
const anyone = {
  SecurityGroupRuleId: "sgr-now",
  IpProtocol: "tcp",
  FromPort: 22,
  ToPort: 22,
  CidrIpv4: "0.0.0.0/0",
};
const foundGone = "the case found it gone: somebody else took it, or a call whose answer was lost";
const oldRule = [
  "rules:sg-1:sgr-old",
  "ec2:AuthorizeSecurityGroupIngress",
  {
    GroupId: "sg-1",
    IpPermissions: [
      {
        IpProtocol: "tcp",
        FromPort: 22,
        ToPort: 22,
        IpRanges: [{ CidrIp: "0.0.0.0/0", Description: "old" }],
      },
    ],
  },
];
const worker = { RoleName: "worker" };
const roleLook: RoleLook = {
  arn: "arn:aws:iam::123456789012:role/worker",
  attached: [],
  inline: [],
  trust: "%7B%7D",
  instanceProfiles: [],
  documents: [],
};
const liftRole = ["deny:role/worker", "iam:DetachRolePolicy", { ...worker, PolicyArn: DENY_ALL }];

/** A role that the record gave a policy; another one of its own went too. */
function roleCase(before: RoleLook | undefined, granted = true): CaseFile {
  const grant = { kind: "attached", policyArn: ADMIN } as const;
  return fileOf({
    record: { kind: "role", name: "worker", proved: true, ...(granted && { grant }) },
    subjects: [{ kind: "role", name: "worker", policyArn: ADMIN, ...(before && { before }) }],
    actions: [
      done("iam:AttachRolePolicy", { ...worker, PolicyArn: DENY_ALL }, "role worker"),
      done("iam:DetachRolePolicy", { ...worker, PolicyArn: ADMIN }, "role worker"),
      done("iam:DeleteRolePolicy", { ...worker, PolicyName: "own" }, "role worker"),
    ],
  });
}

/** A role whose attachments were full: the boundary denies. */
function boundRole(before: RoleLook | undefined): CaseFile {
  const bound = { ...worker, PermissionsBoundary: DENY_ALL };
  return fileOf({
    record: {
      kind: "role",
      name: "worker",
      proved: true,
      grant: { kind: "attached", policyArn: ADMIN },
    },
    subjects: [{ kind: "role", name: "worker", policyArn: ADMIN, ...(before && { before }) }],
    actions: [done("iam:PutRolePermissionsBoundary", bound, "role worker")],
  });
}

const wholeBefore = {
  attached: [TEAM, ADMIN],
  inline: [{ name: "own", document: ALLOW_ALL }],
  groups: [{ name: "devs", attached: [READ_ONLY], inline: [] }],
  keys: [
    { id: KEY, status: "Active" },
    { id: OTHER_KEY, status: "Active" },
  ],
  sshKeys: [{ id: SSH_KEY, status: "Active" }],
  password: true,
  mfaDevices: ["arn:aws:iam::123456789012:mfa/bob"],
  documents: [{ arn: TEAM, document: HARMLESS }],
};
const wholeCase = fileOf({
  record: {
    kind: "user",
    name: "bob",
    proved: false,
    grant: { kind: "attached", policyArn: ADMIN },
  },
  before: wholeBefore,
  actions: [
    deny,
    keyOff,
    keyOff,
    detachTeam,
    detachAdmin,
    done("iam:DeleteUserPolicy", { ...bob, PolicyName: "own" }),
    done("iam:RemoveUserFromGroup", { ...bob, GroupName: "devs" }),
    done("iam:UpdateSSHPublicKey", { ...bob, SSHPublicKeyId: SSH_KEY, Status: "Inactive" }),
    done("iam:DeleteLoginProfile", bob),
    done("iam:DeactivateMFADevice", { ...bob, SerialNumber: wholeBefore.mfaDevices[0] }),
    { ...keyOff, input: { ...bob, AccessKeyId: OTHER_KEY }, outcome: "failed" },
  ],
});
const world = {
  policies: { [TEAM]: teamPolicy },
  groups: { devs: { attached: [READ_ONLY], inline: [] } },
};
const contained = presentOf(
  {
    attached: [DENY_ALL],
    keys: [
      { id: KEY, status: "Inactive" },
      { id: OTHER_KEY, status: "Active" },
    ],
    sshKeys: [{ id: SSH_KEY, status: "Inactive" }],
  },
  world,
);
const notRestorable = [
  `policies:bob:${ADMIN}: the record itself gave it: it is the attack (--false-alarm gives it back)`,
  "password:bob: a deleted password does not come back",
  `mfa:bob:${wholeBefore.mfaDevices[0]}: only who holds the device can enable it again, with two codes in a row`,
];
const plainAllowAll = decodeURIComponent(ALLOW_ALL);
const addToDevs = ["groups:bob:devs", "iam:AddUserToGroup", { ...bob, GroupName: "devs" }];
const wholeSteps = [
  attachTeam,
  [
    "policies:bob:inline/own",
    "iam:PutUserPolicy",
    { ...bob, PolicyName: "own", PolicyDocument: plainAllowAll },
  ],
  addToDevs,
  [`keys:bob:${KEY}`, "iam:UpdateAccessKey", { ...bob, AccessKeyId: KEY, Status: "Active" }],
  [
    `ssh-keys:bob:${SSH_KEY}`,
    "iam:UpdateSSHPublicKey",
    { ...bob, SSHPublicKeyId: SSH_KEY, Status: "Active" },
  ],
  liftDeny,
];

const cases: [
  name: string,
  file: CaseFile,
  present: Present,
  expected: object,
  wishes?: Partial<Wishes>,
  others?: CaseFile[],
][] = [
  [
    "gives back what the case took, the deny last, and not what the record gave",
    wholeCase,
    contained,
    { steps: wholeSteps, left: notRestorable },
  ],
  [
    "finds nothing to do the second time",
    wholeCase,
    presentOf({ ...wholeBefore, attached: [TEAM], password: false, mfaDevices: [] }, world),
    {
      there: [
        "deny:bob",
        `keys:bob:${KEY}`,
        `policies:bob:${TEAM}`,
        "policies:bob:inline/own",
        "groups:bob:devs",
        `ssh-keys:bob:${SSH_KEY}`,
      ],
      left: notRestorable,
    },
  ],
  [
    "gives back the record's grant where it was a false alarm",
    fileOf({
      record: wholeCase.incident.subjects[0] as Subject,
      before: wholeBefore,
      actions: [detachAdmin],
    }),
    contained,
    { steps: [[`policies:bob:${ADMIN}`, "iam:AttachUserPolicy", { ...bob, PolicyArn: ADMIN }]] },
    { falseAlarm: true },
  ],
  [
    "leaves away what another record of the same burst gave",
    fileOf({ before: { attached: [ADMIN] }, actions: [detachAdmin] }),
    presentOf({}),
    { left: notRestorable.slice(0, 1) },
    {},
    [wholeCase],
  ],
  [
    "keeps to the kinds that --only names",
    wholeCase,
    contained,
    { steps: [liftDeny] },
    { only: ["deny"] },
  ],
  [
    "leaves the record's new key away",
    fileOf({
      event: "CreateAccessKey",
      record: { kind: "user", name: "bob", proved: false, accessKeyId: KEY },
      before: { keys: [{ id: KEY, status: "Active" }] },
      actions: [keyOff],
    }),
    presentOf({ keys: [{ id: KEY, status: "Inactive" }] }),
    {
      left: [
        `keys:bob:${KEY}: the record itself gave it: it is the attack (--false-alarm gives it back)`,
      ],
    },
  ],
  [
    "gives back the caller's own key, which a look beside the cut saw switched off",
    fileOf({
      actorKey: KEY,
      actor: "bob",
      before: { attached: [DENY_ALL], keys: [{ id: KEY, status: "Inactive" }] },
      actions: [deny, keyOff],
    }),
    presentOf({ attached: [DENY_ALL], keys: [{ id: KEY, status: "Inactive" }] }),
    { steps: [wholeSteps[3], liftDeny] },
  ],
  [
    "holds a key that was made when the incident was going on",
    fileOf({ before: { keys: [{ id: KEY, status: "Active" }] }, actions: [keyOff] }),
    presentOf(
      { keys: [{ id: KEY, status: "Inactive" }] },
      {},
      { [KEY]: "2026-06-01T12:00:00.000Z" },
    ),
    {
      left: [
        `keys:bob:${KEY}: it was made at 2026-06-01T12:00:00.000Z, and the incident was at 2026-06-01T12:00:00Z (--only keys:bob:${KEY} gives it back)`,
      ],
    },
  ],
  [
    "gives back a key that was made before the incident, though the record names it",
    fileOf({
      event: "AttachUserPolicy",
      record: { kind: "user", name: "bob", proved: true, accessKeyId: KEY },
      before: { keys: [{ id: KEY, status: "Active" }] },
      actions: [keyOff],
    }),
    presentOf(
      { keys: [{ id: KEY, status: "Inactive" }] },
      {},
      { [KEY]: "2026-06-01T11:59:59.000Z" },
    ),
    { steps: [wholeSteps[3]] },
  ],
  [
    "leaves its AWSDenyAll in the place of the owner's, which the record took off",
    denyTaken(),
    presentOf({ attached: [DENY_ALL] }),
    { left: [ownersDeny, detachNotUndone] },
  ],
  [
    "lifts its AWSDenyAll where it was right to take the owner's off",
    denyTaken(),
    presentOf({ attached: [DENY_ALL] }),
    { steps: [liftDeny], left: [detachNotUndone] },
    { falseAlarm: true },
  ],
  [
    "leaves its AWSDenyAll where the record of another case took the owner's off",
    fileOf({ before: {}, actions: [deny] }),
    presentOf({ attached: [DENY_ALL] }),
    { left: [ownersDeny] },
    {},
    [denyTaken()],
  ],
  [
    "lifts its AWSDenyAll where the attacker had taken one of a case off",
    denyTaken(),
    presentOf({ attached: [DENY_ALL] }),
    { steps: [liftDeny], left: [detachNotUndone] },
    {},
    [fileOf({ before: {}, actions: [{ ...deny, at: "2026-06-01T11:59:58.000Z" }] })],
  ],
  [
    "leaves an AWSDenyAll that was there before",
    fileOf({ before: { attached: [DENY_ALL] }, actions: [deny] }),
    presentOf({ attached: [DENY_ALL] }),
    {
      left: [
        "deny:bob: it was attached before this case, by its owner or by an earlier case: left as it was (--only deny:bob takes it off)",
      ],
    },
  ],
  [
    "leaves an AWSDenyAll that may be the owner's, unless it is named",
    fileOf({
      record: { kind: "user", name: "bob", proved: true },
      before: { attached: [DENY_ALL] },
      actions: [deny],
    }),
    presentOf({ attached: [DENY_ALL] }),
    { steps: [liftDeny] },
    { only: ["deny:bob"] },
  ],
  [
    "puts the owner's boundary back",
    fileOf({
      before: { boundary: TEAM },
      actions: [done("iam:PutUserPermissionsBoundary", { ...bob, PermissionsBoundary: DENY_ALL })],
    }),
    presentOf({ boundary: DENY_ALL }),
    {
      steps: [
        ["boundary:bob", "iam:PutUserPermissionsBoundary", { ...bob, PermissionsBoundary: TEAM }],
      ],
    },
  ],
  [
    "takes the boundary off where there was none",
    fileOf({
      before: {},
      actions: [done("iam:PutUserPermissionsBoundary", { ...bob, PermissionsBoundary: DENY_ALL })],
    }),
    presentOf({ boundary: DENY_ALL }),
    { steps: [["boundary:bob", "iam:DeleteUserPermissionsBoundary", bob]] },
  ],
  [
    "leaves a boundary whose former one the record took",
    fileOf({
      event: "DeleteUserPermissionsBoundary",
      before: {},
      actions: [done("iam:PutUserPermissionsBoundary", { ...bob, PermissionsBoundary: DENY_ALL })],
    }),
    presentOf({ boundary: DENY_ALL }),
    {
      left: [
        "boundary:bob: which boundary the user had before the incident, the case does not know",
        "record:DeleteUserPermissionsBoundary: the record's own call, DeleteUserPermissionsBoundary, is not undone: the case does not know what was before it",
      ],
    },
  ],
  [
    "stops where a key was deleted and somebody attached another policy",
    fileOf({
      before: { attached: [TEAM], keys: [{ id: KEY, status: "Active" }] },
      actions: [deny, keyOff, detachTeam],
    }),
    presentOf({ attached: [DENY_ALL, READ_ONLY] }, world),
    {
      steps: [attachTeam, liftDeny],
      left: [`keys:bob:${KEY}: ${KEY} was deleted`],
      drift: [
        `keys:bob:${KEY}: ${KEY} is not there any more`,
        `policies:bob:${READ_ONLY}: user bob has the policy ${READ_ONLY}, which he had not before`,
      ],
      stops: [`keys:bob:${KEY}`, `policies:bob:${READ_ONLY}`],
    },
  ],
  [
    "does not stop where it is forced to",
    fileOf({ before: {}, actions: [deny] }),
    presentOf({ attached: [DENY_ALL, READ_ONLY] }),
    {
      steps: [liftDeny],
      drift: [
        `policies:bob:${READ_ONLY}: user bob has the policy ${READ_ONLY}, which he had not before`,
      ],
    },
    { force: true },
  ],
  [
    "stops the lifting of the deny for what differs, though only the deny is asked for",
    fileOf({ before: {}, actions: [deny] }),
    presentOf({ attached: [DENY_ALL, ADMIN] }),
    {
      steps: [liftDeny],
      drift: [`policies:bob:${ADMIN}: user bob has the policy ${ADMIN}, which he had not before`],
      stops: [`policies:bob:${ADMIN}`],
    },
    { only: ["deny:bob"] },
  ],
  [
    "stops where the deny is gone, and a policy says something else",
    fileOf({
      before: { attached: [TEAM], documents: [{ arn: TEAM, document: HARMLESS }] },
      actions: [deny, detachTeam],
    }),
    presentOf({}, { policies: { [TEAM]: { document: ALLOW_ALL, versions: [] } } }),
    {
      steps: [attachTeam],
      there: ["deny:bob"],
      drift: [
        `policies:bob:${TEAM}: the default version of ${TEAM} is not the one that the case saw`,
        "deny:bob: AWSDenyAll is not on user bob any more",
      ],
      stops: [`policies:bob:${TEAM}`, "deny:bob"],
    },
  ],
  [
    "goes on where the item that differs is named",
    fileOf({
      before: { attached: [TEAM], documents: [{ arn: TEAM, document: HARMLESS }] },
      actions: [detachTeam],
    }),
    presentOf({}, { policies: { [TEAM]: { document: ALLOW_ALL, versions: [] } } }),
    {
      steps: [attachTeam],
      drift: [
        `policies:bob:${TEAM}: the default version of ${TEAM} is not the one that the case saw`,
      ],
    },
    { only: [`policies:bob:${TEAM}`] },
  ],
  [
    "has nothing to give to a user who is gone",
    fileOf({ before: {}, actions: [deny] }),
    presentOf(null),
    {
      left: ["deny:bob: the user is not there any more"],
      drift: ["deny:bob: user bob is not there any more"],
    },
  ],
  [
    "holds what the case cannot vouch for",
    fileOf({ actions: [deny, detachTeam] }),
    presentOf({ attached: [DENY_ALL] }, world),
    {
      left: [
        "deny:bob: the case lacks the state before, so whether it was there is not known (--only deny:bob takes it off)",
        `policies:bob:${TEAM}: the case lacks the state before, so whether it was there is not known (--only policies:bob:${TEAM} gives it back)`,
      ],
    },
  ],
  [
    "takes a look that did not show everything for none, and what it lacks for no difference",
    fileOf({
      before: { failed: [{ call: "iam:ListAttachedUserPolicies", error: "AccessDenied: no" }] },
      actions: [deny],
    }),
    presentOf(
      { attached: [DENY_ALL, READ_ONLY], inline: [{ name: "own", document: HARMLESS }] },
      world,
    ),
    {
      left: [
        "deny:bob: the case lacks the state before, so whether it was there is not known (--only deny:bob takes it off)",
      ],
    },
  ],
  [
    "takes AWSDenyAll off a role, and leaves away what the record gave it; a trust policy may be spaced otherwise",
    roleCase({ ...roleLook, inline: [{ name: "own", document: "%7B%7D" }] }),
    presentOf(
      {},
      {
        roles: {
          worker: { ...roleLook, attached: [DENY_ALL, READ_ONLY], trust: "%7B%20%7D" },
        },
      },
    ),
    {
      steps: [liftRole],
      left: [
        `policies:role/worker:${ADMIN}: the record itself gave it: it is the attack (--false-alarm gives it back)`,
        "policies:role/worker:inline/own: the record itself gave it: it is the attack (--false-alarm gives it back)",
      ],
    },
  ],
  [
    "gives a role back what the record gave it, where that was no attack",
    roleCase({ ...roleLook, inline: [{ name: "own", document: "%7B%7D" }] }),
    presentOf({}, { roles: { worker: { ...roleLook, attached: [DENY_ALL, READ_ONLY] } } }),
    {
      steps: [
        [`policies:role/worker:${ADMIN}`, "iam:AttachRolePolicy", { ...worker, PolicyArn: ADMIN }],
        [
          "policies:role/worker:inline/own",
          "iam:PutRolePolicy",
          { ...worker, PolicyName: "own", PolicyDocument: "{}" },
        ],
        liftRole,
      ],
    },
    { falseAlarm: true },
  ],
  [
    "finds a role that was given back already",
    roleCase(roleLook),
    presentOf({}, { roles: { worker: { ...roleLook, attached: [ADMIN] } } }),
    {
      there: ["deny:role/worker", `policies:role/worker:${ADMIN}`],
      left: ["policies:role/worker:inline/own: the case lacks the policy's document"],
    },
  ],
  [
    "leaves AWSDenyAll on a role where the case does not know whether it was there",
    roleCase(undefined),
    presentOf({}, { roles: { worker: { ...roleLook, attached: [DENY_ALL] } } }),
    {
      left: [
        "deny:role/worker: the case lacks the state before, so whether it was there is not known (--only deny:role/worker takes it off)",
        `policies:role/worker:${ADMIN}: the record itself gave it: it is the attack (--false-alarm gives it back)`,
        "policies:role/worker:inline/own: the case lacks the policy's document",
      ],
    },
  ],
  [
    "puts a role's boundary back",
    boundRole({ ...roleLook, boundary: TEAM }),
    presentOf({}, { roles: { worker: { ...roleLook, boundary: DENY_ALL } } }),
    {
      steps: [
        [
          "boundary:role/worker",
          "iam:PutRolePermissionsBoundary",
          { ...worker, PermissionsBoundary: TEAM },
        ],
      ],
    },
  ],
  [
    "takes a role's boundary off where there was none",
    boundRole(roleLook),
    presentOf({}, { roles: { worker: { ...roleLook, boundary: DENY_ALL } } }),
    { steps: [["boundary:role/worker", "iam:DeleteRolePermissionsBoundary", worker]] },
  ],
  [
    "finds a role's boundary as it was",
    boundRole({ ...roleLook, boundary: TEAM }),
    presentOf({}, { roles: { worker: { ...roleLook, boundary: TEAM } } }),
    { there: ["boundary:role/worker"] },
  ],
  [
    "leaves AWSDenyAll where it was a role's boundary before",
    boundRole({ ...roleLook, boundary: DENY_ALL }),
    presentOf({}, { roles: { worker: { ...roleLook, boundary: DENY_ALL } } }),
    { left: ["boundary:role/worker: AWSDenyAll was the boundary before: left as it was"] },
  ],
  [
    "leaves a role's boundary where the case lacks the one before",
    boundRole(undefined),
    presentOf({}, { roles: { worker: { ...roleLook, boundary: DENY_ALL } } }),
    {
      left: [
        "boundary:role/worker: which boundary the role had before the incident, the case does not know",
      ],
    },
  ],
  [
    "stops where somebody else set a role's boundary, and its trust policy is another one",
    boundRole({ ...roleLook, boundary: TEAM }),
    presentOf(
      {},
      { roles: { worker: { ...roleLook, boundary: ADMIN, trust: "%7B%22Id%22%3A%221%22%7D" } } },
    ),
    {
      steps: [
        [
          "boundary:role/worker",
          "iam:PutRolePermissionsBoundary",
          { ...worker, PermissionsBoundary: TEAM },
        ],
      ],
      drift: [
        "boundary:role/worker: the role's trust policy is not the one that the case saw",
        `boundary:role/worker: the role's boundary is ${ADMIN}, which neither it nor the case had set`,
      ],
      stops: ["boundary:role/worker", "boundary:role/worker"],
    },
  ],
  [
    "stops where a role's trust policy is another one",
    roleCase({ ...roleLook, attached: [READ_ONLY] }),
    presentOf(
      {},
      {
        roles: { worker: { ...roleLook, attached: [DENY_ALL], trust: "%7B%22Id%22%3A%221%22%7D" } },
      },
    ),
    {
      steps: [liftRole],
      drift: ["deny:role/worker: the role's trust policy is not the one that the case saw"],
      stops: ["deny:role/worker"],
      left: [
        `policies:role/worker:${ADMIN}: the record itself gave it: it is the attack (--false-alarm gives it back)`,
        "policies:role/worker:inline/own: the case lacks the policy's document",
      ],
    },
  ],
  [
    "stops where a role's trust policy is still the record's",
    roleCase(roleLook, false),
    presentOf({}, { roles: { worker: { ...roleLook, attached: [DENY_ALL] } } }),
    {
      steps: [liftRole],
      drift: [
        "deny:role/worker: the role's trust policy is still the one that the record set: take the strangers out of it first",
      ],
      stops: ["deny:role/worker"],
    },
    { only: ["deny"] },
  ],
  [
    "names a role that is gone",
    roleCase({ ...roleLook, inline: [{ name: "own", document: "%7B%7D" }] }),
    presentOf({}, { roles: { worker: null } }),
    {
      drift: [
        "deny:role/worker: the role is not there any more",
        `policies:role/worker:${ADMIN}: the role is not there any more`,
        "policies:role/worker:inline/own: the role is not there any more",
      ],
      left: [
        "deny:role/worker: the role is not there any more",
        `policies:role/worker:${ADMIN}: the record itself gave it: it is the attack`,
        "policies:role/worker:inline/own: the record itself gave it: it is the attack",
      ],
    },
  ],
  [
    "names a call that it does not know",
    fileOf({ before: {}, actions: [done("iam:TagRole", {}, "role ops")] }),
    presentOf({}),
    {
      left: [
        "policies:role ops:iam:TagRole: restore does not know iam:TagRole on role ops: undo it by hand",
      ],
    },
  ],
  [
    "leaves a group's grant away, which is the record's",
    fileOf({
      record: {
        kind: "group",
        name: "devs",
        proved: true,
        denies: false,
        grant: { kind: "attached", policyArn: ADMIN },
      },
      subjects: [{ kind: "group", name: "devs", policyArn: ADMIN, before: { members: ["bob"] } }],
      actions: [
        done("iam:DetachGroupPolicy", { GroupName: "devs", PolicyArn: ADMIN }, "group devs"),
      ],
    }),
    presentOf({}, world),
    {
      left: [
        `policies:group/devs:${ADMIN}: the record itself gave it: it is the attack (--false-alarm gives it back)`,
      ],
    },
  ],
  [
    "makes a policy's former version the default before it is attached again",
    policyCase(),
    presentOf({}, { ...world, policies: { [TEAM]: versions(["v1", HARMLESS]) } }),
    {
      steps: [
        [
          `policies:${TEAM}:v1`,
          "iam:SetDefaultPolicyVersion",
          { PolicyArn: TEAM, VersionId: "v1" },
        ],
        attachTeam,
        [
          `policies:group/devs:${TEAM}`,
          "iam:AttachGroupPolicy",
          { GroupName: "devs", PolicyArn: TEAM },
        ],
      ],
    },
  ],
  [
    "leaves the record's version the default where it was a false alarm",
    policyCase(),
    presentOf({}, { ...world, policies: { [TEAM]: versions(["v1", HARMLESS]) } }),
    {
      steps: [
        attachTeam,
        [
          `policies:group/devs:${TEAM}`,
          "iam:AttachGroupPolicy",
          { GroupName: "devs", PolicyArn: TEAM },
        ],
      ],
    },
    { falseAlarm: true },
  ],
  [
    "does not attach a policy that still makes admins",
    policyCase(),
    presentOf({}, { ...world, policies: { [TEAM]: versions(["v1", HARMLESS], ["v2", HARMLESS]) } }),
    {
      left: [`policies:bob:${TEAM}`, `policies:group/devs:${TEAM}`].map(stillAdmin),
    },
  ],
  [
    "gives an application user his own old key only where it is named",
    applicationCase(),
    presentOf({ keys: [{ id: KEY, status: "Inactive" }] }),
    {
      left: [
        `keys:bob:${KEY}: the application has a new key in its secret (--only keys:bob:${KEY} gives it back)`,
      ],
    },
  ],
  [
    "gives an application user his own old key with --only keys",
    applicationCase(),
    presentOf({ keys: [{ id: KEY, status: "Inactive" }] }),
    { steps: [wholeSteps[3]] },
    { only: ["keys"] },
  ],
  [
    "authorizes a rule that was open before, and leaves the record's away",
    rulesCase(),
    presentOf({}, { securityGroups: { "sg-1": [] } }),
    {
      steps: [oldRule],
      left: [
        "rules:sg-1:sgr-new: the record itself opened it: it is the attack (--false-alarm gives it back)",
      ],
    },
  ],
  [
    "finds a rule that is there again under another id",
    rulesCase(),
    presentOf(
      {},
      {
        securityGroups: {
          "sg-1": [{ ...anyone, Description: "old" }],
        },
      },
    ),
    {
      there: ["rules:sg-1:sgr-old"],
      left: [
        "rules:sg-1:sgr-new: the record itself opened it: it is the attack (--false-alarm gives it back)",
      ],
    },
  ],
  [
    "says where a rule is there again that says something else",
    rulesCase(),
    presentOf(
      {},
      { securityGroups: { "sg-1": [{ ...anyone, Tags: [{ Key: "a", Value: "b" }] }] } },
    ),
    {
      there: ["rules:sg-1:sgr-old"],
      left: [
        "rules:sg-1:sgr-new: the record itself opened it: it is the attack (--false-alarm gives it back)",
      ],
      drift: [
        'rules:sg-1:sgr-old: it is there again as sgr-now, with no description and the tags a=b instead of the description "old" and no tags',
      ],
    },
  ],
  [
    "stops where what the record opened is open again",
    rulesCase(),
    presentOf({}, { securityGroups: { "sg-1": [{ ...anyone, CidrIpv4: "128.0.0.0/1" }] } }),
    {
      steps: [oldRule],
      left: [
        "rules:sg-1:sgr-new: the record itself opened it: it is the attack (--false-alarm gives it back)",
      ],
      drift: ["rules:sg-1:sgr-new: what the record opened is open again, by sgr-now"],
      stops: ["rules:sg-1:sgr-new"],
    },
  ],
  [
    "takes what the record opened for there, where it was a false alarm",
    rulesCase(),
    presentOf({}, { securityGroups: { "sg-1": [{ ...anyone, CidrIpv4: "128.0.0.0/1" }] } }),
    { steps: [oldRule], there: ["rules:sg-1:sgr-new"] },
    { falseAlarm: true },
  ],
  [
    "gives the record's rule back with the tags that the record told, and says that a change of it is not undone",
    fileOf({
      event: "ModifySecurityGroupRules",
      record: {
        kind: "securityGroup",
        groupId: "sg-1",
        rules: [{ ...told22, id: "sgr-1", description: "new" }],
      },
      parameters: {
        tagSpecificationSet: {
          items: [
            { resourceType: "security-group", tags: [{ key: "of", value: "the group" }] },
            { resourceType: "security-group-rule", tags: [{ key: "a", value: "b" }, { key: "c" }] },
          ],
        },
      },
      subjects: [
        {
          kind: "securityGroup",
          groupId: "sg-1",
          before: { rules: [{ ...told22, id: "sgr-1", description: "new" }] },
        },
      ],
      actions: [
        done(
          "ec2:RevokeSecurityGroupIngress",
          { GroupId: "sg-1", SecurityGroupRuleIds: ["sgr-1"] },
          "sg-1",
        ),
      ],
    }),
    presentOf({}, { securityGroups: { "sg-1": [] } }),
    {
      steps: [
        [
          "rules:sg-1:sgr-1",
          "ec2:AuthorizeSecurityGroupIngress",
          {
            GroupId: "sg-1",
            IpPermissions: [
              {
                IpProtocol: "tcp",
                FromPort: 22,
                ToPort: 22,
                Ipv6Ranges: [{ CidrIpv6: "::/0", Description: "new" }],
              },
            ],
            TagSpecifications: [
              {
                ResourceType: "security-group-rule",
                Tags: [
                  { Key: "a", Value: "b" },
                  { Key: "c", Value: "" },
                ],
              },
            ],
          },
        ],
      ],
      left: [
        "record:ModifySecurityGroupRules: the record's own call, ModifySecurityGroupRules, is not undone: the case does not know what was before it",
      ],
    },
    { falseAlarm: true },
  ],
  [
    "stops where the record's key is active again, and somebody set a boundary and a password",
    fileOf({
      event: "CreateAccessKey",
      record: { kind: "user", name: "bob", proved: false, accessKeyId: KEY },
      before: { keys: [{ id: KEY, status: "Active" }] },
      actions: [deny, keyOff, done("iam:DeleteLoginProfile", bob)],
    }),
    presentOf({
      attached: [DENY_ALL],
      keys: [{ id: KEY, status: "Active" }],
      boundary: TEAM,
      password: true,
    }),
    {
      steps: [liftDeny],
      there: ["password:bob"],
      left: [
        `keys:bob:${KEY}: the record itself gave it: it is the attack (--false-alarm gives it back)`,
      ],
      drift: [
        `keys:bob:${KEY}: ${KEY}, which the record made, is active again`,
        `boundary:bob: the boundary of user bob is ${TEAM}, which neither he nor the case had set`,
        "password:bob: user bob has a console password again",
      ],
      stops: [`keys:bob:${KEY}`, "boundary:bob", "password:bob"],
    },
    {},
  ],
  [
    "stops where a group that the user comes back to has other policies",
    groupCase([]),
    presentOf({}, { groups: { devs: { attached: [READ_ONLY, TEAM], inline: [] } } }),
    {
      steps: [addToDevs],
      drift: ["groups:bob:devs: group devs has other policies than it had"],
      stops: ["groups:bob:devs"],
    },
  ],
  [
    "does not take for drift what the case took from the group",
    groupCase([
      done("iam:DetachGroupPolicy", { GroupName: "devs", PolicyArn: ADMIN }, "group devs"),
    ]),
    presentOf({}, { groups: { devs: { attached: [READ_ONLY], inline: [] } } }),
    { steps: [addToDevs] },
    { only: ["groups"] },
  ],
  [
    "holds a rule that a later pass found",
    laterRule(),
    presentOf({}, { securityGroups: { "sg-1": [] } }),
    {
      left: [
        "rules:sg-1:sgr-new: the record itself opened it: it is the attack (--false-alarm gives it back)",
        "rules:sg-1:sgr-old: whether it was there before the record is not known (--only rules:sg-1:sgr-old gives it back)",
      ],
    },
  ],
  [
    "gives a rule back, then takes away what was added in its place; so with the attack's alone by --false-alarm",
    replacedCase(),
    presentOf(
      {},
      { securityGroups: { "sg-1": [replacement("sgr-21", 21), replacement("sgr-23", 23)] } },
    ),
    {
      steps: [
        oldRule,
        [
          "replacements:sg-1:sgr-21",
          "ec2:RevokeSecurityGroupIngress",
          { GroupId: "sg-1", SecurityGroupRuleIds: ["sgr-21"] },
        ],
      ],
      left: [
        "rules:sg-1:sgr-new: the record itself opened it: it is the attack (--false-alarm gives it back)",
        "replacements:sg-1:sgr-23: the record itself opened it: it is the attack (--false-alarm takes it away)",
      ],
    },
  ],
  [
    "knows which rule each one stands for, where rules went in two passes",
    {
      ...replacedCase(),
      actions: [...replacedCase().actions.slice(0, 1), ...laterRule().actions],
    },
    presentOf(
      {},
      { securityGroups: { "sg-1": [replacement("sgr-21", 21), replacement("sgr-23", 23)] } },
    ),
    {
      left: [
        "rules:sg-1:sgr-new: the record itself opened it: it is the attack (--false-alarm gives it back)",
        "replacements:sg-1:sgr-23: the record itself opened it: it is the attack (--false-alarm takes it away)",
        "rules:sg-1:sgr-old: whether it was there before the record is not known (--only rules:sg-1:sgr-old gives it back)",
        "replacements:sg-1:sgr-21: whether it was there before the record is not known (--only replacements:sg-1:sgr-21 takes it away)",
      ],
    },
  ],
  [
    "stops at a rule that was changed since the case added it, and knows one that is gone",
    replacedCase(),
    presentOf({}, { securityGroups: { "sg-1": [replacement("sgr-21", 24)] } }),
    {
      steps: [
        oldRule,
        [
          "replacements:sg-1:sgr-21",
          "ec2:RevokeSecurityGroupIngress",
          { GroupId: "sg-1", SecurityGroupRuleIds: ["sgr-21"] },
        ],
      ],
      there: ["replacements:sg-1:sgr-23"],
      left: [
        "rules:sg-1:sgr-new: the record itself opened it: it is the attack (--false-alarm gives it back)",
      ],
      drift: ["replacements:sg-1:sgr-21: sgr-21 is another rule than the case had added"],
      stops: ["replacements:sg-1:sgr-21"],
    },
  ],
  [
    "leaves what was added in place of a rule that somebody else took",
    {
      ...replacedCase(),
      actions: replacedCase().actions.map((one, index) =>
        index > 0 ? { ...one, outcome: "gone" as const } : one,
      ),
    },
    presentOf(
      {},
      { securityGroups: { "sg-1": [replacement("sgr-21", 21), replacement("sgr-23", 23)] } },
    ),
    {
      left: [
        `rules:sg-1:sgr-old: ${foundGone} (--only rules:sg-1:sgr-old gives it back)`,
        "rules:sg-1:sgr-new: the record itself opened it: it is the attack (--false-alarm gives it back)",
        `replacements:sg-1:sgr-21: ${foundGone} (--only replacements:sg-1:sgr-21 takes it away)`,
        "replacements:sg-1:sgr-23: the record itself opened it: it is the attack (--false-alarm takes it away)",
      ],
    },
  ],
  [
    "leaves what stands for a rule that the case does not have",
    {
      ...replacedCase(),
      subjects: replacedCase().subjects.map(
        (one) => ({ ...one, before: { rules: [] } }) as CaseSubject,
      ),
    },
    presentOf({}, { securityGroups: { "sg-1": [replacement("sgr-21", 21)] } }),
    {
      there: ["replacements:sg-1:sgr-23"],
      left: [
        "rules:sg-1:sgr-old: the case does not have the rule: the record of the call that made it does",
        "rules:sg-1:sgr-new: the case does not have the rule: the record of the call that made it does",
        "replacements:sg-1:sgr-21: sgr-old does not come back (--only replacements:sg-1:sgr-21 takes it away)",
      ],
    },
  ],
  [
    "does not make a former version the default that makes admins too",
    policyCase(),
    presentOf({}, { ...world, policies: { [TEAM]: versions(["v1", ALLOW_ALL]) } }),
    {
      left: [`policies:bob:${TEAM}`, `policies:group/devs:${TEAM}`].map(stillAdmin),
    },
  ],
];

function stillAdmin(item: string): string {
  return (
    `${item}: the default version of ${TEAM} makes admins, and which one was it before is not known: ` +
    `aws iam set-default-policy-version --policy-arn ${TEAM} --version-id VERSION, then restore again (--false-alarm gives it back)`
  );
}

/** A user who left a group that had an admin's policy when the case looked. */
function groupCase(more: Action[]): CaseFile {
  const attached = more.length > 0 ? [READ_ONLY, ADMIN] : [READ_ONLY];
  return fileOf({
    before: { groups: [{ name: "devs", attached, inline: [] }] },
    actions: [done("iam:RemoveUserFromGroup", { ...bob, GroupName: "devs" }), ...more],
  });
}

/** The rules' case, where the old rule was found by a look after the first. */
function laterRule(): CaseFile {
  const file = rulesCase();
  const revoke = (id: string) =>
    done("ec2:RevokeSecurityGroupIngress", { GroupId: "sg-1", SecurityGroupRuleIds: [id] }, "sg-1");
  return { ...file, actions: [revoke("sgr-new"), revoke("sgr-old")] };
}

/** The record took an AWSDenyAll off, and the case attached it again. */
function denyTaken(): CaseFile {
  return fileOf({
    event: "DetachUserPolicy",
    parameters: { userName: "bob", policyArn: DENY_ALL },
    before: {},
    actions: [deny],
  });
}

function policyCase(): CaseFile {
  const before = { users: ["bob"], groups: ["devs"], roles: [], keepers: [] };
  return fileOf({
    record: { kind: "policy", arn: TEAM, proved: true, versionId: "v9" },
    subjects: [{ kind: "policy", arn: TEAM, before }],
    actions: [
      detachTeam,
      done("iam:DetachGroupPolicy", { GroupName: "devs", PolicyArn: TEAM }, "group devs"),
    ],
  });
}

function versions(...others: [id: string, document: string][]) {
  const attack = { id: "v9", isDefault: true, document: ALLOW_ALL };
  const rest = others.map(([id, document]) => ({ id, isDefault: false, document }));
  return { document: ALLOW_ALL, versions: [attack, ...rest] };
}

function applicationCase(): CaseFile {
  const before = { ...bareLook, keys: [{ id: KEY, status: "Active" }] };
  return fileOf({
    record: { kind: "applicationUser", name: "bob", proved: true, actorKeyId: KEY },
    actorKey: KEY,
    subjects: [{ kind: "applicationUser", name: "bob", before, secret: "tourniquet-lab/bob" }],
    actions: [
      done("iam:CreateAccessKey", bob),
      done("secretsmanager:CreateSecret", { Name: "tourniquet-lab/bob" }, "tourniquet-lab/bob"),
      keyOff,
    ],
  });
}

function rulesCase(): CaseFile {
  const ssh = { IpProtocol: "tcp", FromPort: 22, ToPort: 22, CidrIpv4: "0.0.0.0/0" };
  return fileOf({
    event: "AuthorizeSecurityGroupIngress",
    record: { kind: "securityGroup", groupId: "sg-1", rules: [] },
    parameters: { items: [{ securityGroupRuleId: "sgr-new" }] },
    subjects: [
      {
        kind: "securityGroup",
        groupId: "sg-1",
        before: {
          rules: [
            { ...ssh, SecurityGroupRuleId: "sgr-old", Description: "old" },
            { ...ssh, SecurityGroupRuleId: "sgr-new", CidrIpv4: "128.0.0.0/1" },
          ],
        },
      },
    ],
    actions: [
      done(
        "ec2:RevokeSecurityGroupIngress",
        { GroupId: "sg-1", SecurityGroupRuleIds: ["sgr-old", "sgr-new"] },
        "sg-1",
      ),
    ],
  });
}

function replacement(id: string, port: number) {
  const ports = { IpProtocol: "tcp", FromPort: port, ToPort: port };
  return { SecurityGroupRuleId: id, ...ports, CidrIpv4: "0.0.0.0/0" };
}

/** The rules' case, with what was added in the place of each rule. */
function replacedCase(): CaseFile {
  const file = rulesCase();
  const permission = (port: number) => ({
    IpProtocol: "tcp",
    FromPort: port,
    ToPort: port,
    IpRanges: [{ CidrIp: "0.0.0.0/0", Description: "Tourniquet case e" }],
  });
  return {
    ...file,
    subjects: file.subjects.map(
      (one) =>
        ({
          ...one,
          replaced: [
            { id: "sgr-21", insteadOf: "sgr-old" },
            { id: "sgr-23", insteadOf: "sgr-new" },
          ],
        }) as CaseSubject,
    ),
    actions: [
      done(
        "ec2:AuthorizeSecurityGroupIngress",
        { GroupId: "sg-1", IpPermissions: [permission(21), permission(23)] },
        "sg-1",
      ),
      ...file.actions,
    ],
  };
}

/** The whole case, in which no call was answered as it should; the deny and the first key were. */
function withOutcome(outcome: "gone" | "failed", error?: string): CaseFile {
  const taking = wholeCase.actions.filter((one) => one.outcome === "done");
  const actions = taking.map((one) =>
    one === deny || one === keyOff ? one : { ...one, outcome, ...(error && { error }) },
  );
  return { ...wholeCase, actions };
}

describe("planRestore", () => {
  for (const [name, file, present, expected, wishes, others] of cases) {
    it(name, () => {
      const plan = planRestore(file, present, { ...everything, ...wishes }, others);
      assert.deepEqual(told(plan), expected);
    });
  }

  const unsure: [name: string, file: CaseFile, doubt: string][] = [
    [
      "whose calls a second try found gone",
      withOutcome("gone"),
      "the case found it gone, as its own second try does",
    ],
    [
      "whose calls were not answered",
      withOutcome("failed", "TimeoutError: no answer"),
      "the case's call had failed: TimeoutError: no answer",
    ],
    [
      "that broke off after its first cut",
      { ...wholeCase, round: 0, actions: [deny, keyOff] },
      "the case broke off before it had told what it took",
    ],
  ];
  for (const [name, file, doubt] of unsure) {
    it(`gives back what is not there any more of a case ${name}, and says so`, () => {
      const plan = planRestore(file, contained, everything);
      const { steps, left, ...rest } = told(plan);
      const sure = file.actions.filter(({ outcome }) => outcome === "done").length;
      assert.deepEqual(steps, wholeSteps);
      assert.deepEqual(
        left,
        notRestorable.map((one) => (one.includes("(--false") ? one : `${one}; ${doubt}`)),
      );
      assert.deepEqual(rest, {});
      assert.deepEqual(
        plan.steps.map(({ why }) => why.endsWith(`; ${doubt}`)),
        wholeSteps.map(([item]) => !(sure > 0 && /^(deny|keys):/.test(String(item)))),
      );
      assert.deepEqual(
        told(planRestore(file, presentOf({ ...wholeBefore, mfaDevices: [] }, world), everything))
          .steps,
        undefined,
      );
    });
  }

  it("knows every call that the responders make", () => {
    const cuts = [
      ...emergencyActionAccountActions.cuts,
      ...emergencyActionAccountActions.roles.cuts,
      ...stripAccountActions.roles.cuts,
      ...stripAccountActions.cuts,
      ...emergencyActionApplicationActions.cuts,
      ...emergencyActionApplicationActions.rotation,
      ...emergencyActionInfrastructureActions.cuts,
      ...breakSessionsActions.cuts,
      ...narrowOpenSshActions.grants,
    ];
    assert.deepEqual([...new Set(cuts)].sort(), [...knownCalls].sort());
  });

  it("has no call for what the case notes as not restorable, but a command", () => {
    const actions = wholeCase.actions.filter(({ call }) => !isRestorable(call));
    const { steps, left } = planRestore({ ...wholeCase, actions }, contained, everything);
    assert.ok(actions.length > 0);
    assert.deepEqual([steps, left.filter(({ command }) => command).length], [[], actions.length]);
  });

  it("names the command that replaces what cannot come back", () => {
    const { left } = planRestore(wholeCase, contained, everything);
    assert.deepEqual(
      left.flatMap(({ command }) => command ?? []),
      [
        'aws iam create-login-profile --user-name bob --password-reset-required --password "$PASSWORD"',
        "aws iam enable-mfa-device --user-name bob --serial-number arn:aws:iam::123456789012:mfa/bob --authentication-code1 CODE --authentication-code2 NEXT_CODE",
      ],
    );
  });
});
