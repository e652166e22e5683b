import fc from "fast-check";
import { ADMIN, DENY_ALL, READ_ONLY, TEAM } from "../functions/given";
import type { InMemoryIam, World } from "./world";
import { ACCOUNT } from "./world";

// Random accounts and random attacks on them. Few names and few documents, so that what is drawn
// meets often: the same policy on a user, his group and his boundary, say.

export const USERS = ["bob", "eve", "app-shop", "break-glass"];
const GROUPS = ["devs", "ops"];
const CUSTOMER = [TEAM, `arn:aws:iam::${ACCOUNT}:policy/reads`, `arn:aws:iam::${ACCOUNT}:policy/x`];
const ATTACHABLE = [ADMIN, READ_ONLY, ...CUSTOMER];
/** AWS policies that make no admin, to fill the ten places. */
export const FILLERS = Array.from({ length: 8 }, (_, at) => `arn:aws:iam::aws:policy/Filler${at}`);

function document(...Statement: object[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement });
}
const allow = (Action: string, more: object = {}) => ({
  Effect: "Allow",
  Action,
  Resource: "*",
  ...more,
});
const deny = (Action: string) => ({ Effect: "Deny", Action, Resource: "*" });
const withMfa = { Condition: { Bool: { "aws:MultiFactorAuthPresent": "true" } } };

export const ALLOW_ALL = document(allow("*"));
export const READS = document(allow("s3:GetObject"));
export const DENIES_ALL = document(deny("*"));
const DOCUMENTS = [
  ALLOW_ALL,
  READS,
  document(allow("ec2:Describe*")),
  document(allow("iam:*")),
  document(allow("iam:AttachUserPolicy")),
  document(allow("*", withMfa)),
  document({ Effect: "Allow", NotAction: "s3:*", Resource: "*" }),
  document(allow("*"), deny("iam:DeleteUser")),
  document(deny("iam:*")),
  DENIES_ALL,
];

/** What AWS's own policies of this file say, for the second engine. */
export function managedDocument(arn: string): string {
  if (arn === ADMIN) return ALLOW_ALL;
  return arn === DENY_ALL ? DENIES_ALL : READS;
}

const text = fc.constantFrom(...DOCUMENTS);
/** Most have none, so that a user is an admin by one thing as often as by several. */
const few = <T>(from: readonly T[], maxLength: number) =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant<T[]>([]) },
    { weight: 3, arbitrary: fc.uniqueArray(fc.constantFrom(...from), { maxLength }) },
  );
const status = fc.constantFrom<"Active" | "Inactive">("Active", "Inactive");
const documents = fc
  .array(fc.tuple(fc.constantFrom("p", "q", "r"), text), { maxLength: 3 })
  .map((entries) => Object.fromEntries(entries));
const version = fc
  .tuple(fc.array(text, { minLength: 1, maxLength: 3 }), fc.nat())
  .map(([texts, at]) => ({
    versions: Object.fromEntries(texts.map((one, index) => [`v${index + 1}`, one])),
    isDefault: `v${1 + (at % texts.length)}`,
  }));

/** Credentials of one kind, with ids that nobody else has. */
function credentials(prefix: string, name: string, maxLength: number) {
  const id = (at: number) =>
    `${prefix}${USERS.indexOf(name)}${at}`.padEnd(20, prefix === "AKIA" ? "0" : "Z");
  return fc
    .array(status, { maxLength })
    .map((list) => Object.fromEntries(list.map((one, at) => [id(at), one])));
}

function user(name: string) {
  return fc
    .record({
      attached: few(ATTACHABLE, 3),
      full: fc.integer({ min: 0, max: 9 }),
      denied: fc.integer({ min: 0, max: 9 }),
      inline: documents,
      groups: few(GROUPS, 2),
      boundary: fc.option(fc.constantFrom(...ATTACHABLE, DENY_ALL), { freq: 3, nil: undefined }),
      keys: credentials("AKIA", name, 2),
      password: fc.boolean(),
      sshKeys: credentials("APKA", name, 3),
      serviceCredentials: credentials("ACCA", name, 3),
      certificates: credentials("CERT", name, 2),
      mfaDevices: fc
        .nat(2)
        .map((many) =>
          Array.from({ length: many }, (_, at) => `arn:aws:iam::${ACCOUNT}:mfa/${name}${at}`),
        ),
    })
    .map(({ full, denied, boundary, ...rest }) => ({
      ...rest,
      ...(boundary && { boundary }),
      attached: [
        ...rest.attached,
        ...(denied === 9 ? [DENY_ALL] : []),
        ...(full === 9 ? FILLERS : []),
      ].slice(0, 10),
    }));
}

const record = <T>(names: string[], each: (name: string) => fc.Arbitrary<T>) =>
  fc.record(Object.fromEntries(names.map((name) => [name, each(name)]))) as fc.Arbitrary<
    Record<string, T>
  >;

export const worlds: fc.Arbitrary<World> = fc.record({
  users: record(USERS, user),
  groups: record(GROUPS, () => fc.record({ attached: few(ATTACHABLE, 2), inline: documents })),
  roles: record(["ci"], () =>
    fc
      .tuple(few(ATTACHABLE, 2), documents, fc.integer({ min: 0, max: 4 }))
      .map(([attached, inline, full]) => ({
        attached: [...attached, ...(full === 4 ? FILLERS : [])].slice(0, 10),
        inline,
      })),
  ),
  policies: record(CUSTOMER, () => version),
  made: fc.constant({}),
});

/** One attack: a call and who makes it, or a person's order. What it is about is chosen by number. */
export interface Attack {
  event: string;
  numbers: number[];
  document: string;
  actor: "root" | "role" | "eve" | "bob";
}

type Input = Record<string, unknown> | undefined;
type Choice = <T>(list: T[]) => T | undefined;

/** Each attack's input, or undefined where the account has nothing that it could be about. */
const attacks: Record<string, (world: World, pick: Choice, attack: Attack) => Input> = {
  AttachUserPolicy: (_, pick) => ({ UserName: pick(USERS), PolicyArn: pick(ATTACHABLE) }),
  PutUserPolicy: (_, pick, { document: PolicyDocument }) => ({
    UserName: pick(USERS),
    PolicyName: pick(["p", "new"]),
    PolicyDocument,
  }),
  AddUserToGroup: (_, pick) => ({ UserName: pick(USERS), GroupName: pick(GROUPS) }),
  AttachGroupPolicy: (_, pick) => ({ GroupName: pick(GROUPS), PolicyArn: pick(ATTACHABLE) }),
  PutGroupPolicy: (_, pick, { document: PolicyDocument }) => ({
    GroupName: pick(GROUPS),
    PolicyName: pick(["p", "new"]),
    PolicyDocument,
  }),
  AttachRolePolicy: (_, pick) => ({ RoleName: "ci", PolicyArn: pick(ATTACHABLE) }),
  PutRolePolicy: (_, pick, { document: PolicyDocument }) => ({
    RoleName: "ci",
    PolicyName: pick(["p", "new"]),
    PolicyDocument,
  }),
  CreatePolicyVersion: (_, pick, { document: PolicyDocument }) => ({
    PolicyArn: pick(CUSTOMER),
    PolicyDocument,
    SetAsDefault: pick([true, true, false]),
  }),
  SetDefaultPolicyVersion: ({ policies }, pick) => {
    const PolicyArn = pick(CUSTOMER) ?? "";
    const { versions = {}, isDefault } = policies[PolicyArn] ?? {};
    const VersionId = pick(Object.keys(versions).filter((id) => id !== isDefault));
    return VersionId ? { PolicyArn, VersionId } : undefined;
  },
  DetachUserPolicy: ({ users }, pick) =>
    ofUser(users, pick, ({ attached }) => attached, "PolicyArn"),
  DeleteUserPolicy: ({ users }, pick) =>
    ofUser(users, pick, ({ inline }) => Object.keys(inline), "PolicyName"),
  RemoveUserFromGroup: ({ users }, pick) =>
    ofUser(users, pick, ({ groups }) => groups, "GroupName"),
  DeleteUserPermissionsBoundary: ({ users }, pick) => {
    const UserName = pick(USERS.filter((name) => users[name]?.boundary));
    return UserName ? { UserName } : undefined;
  },
  PutUserPermissionsBoundary: (_, pick) => ({
    UserName: pick(USERS),
    PermissionsBoundary: pick(ATTACHABLE),
  }),
  DetachGroupPolicy: ({ groups }, pick) => {
    const GroupName = pick(GROUPS) ?? "";
    const PolicyArn = pick(groups[GroupName]?.attached ?? []);
    return PolicyArn ? { GroupName, PolicyArn } : undefined;
  },
  DeleteGroupPolicy: ({ groups }, pick) => {
    const GroupName = pick(GROUPS) ?? "";
    const PolicyName = pick(Object.keys(groups[GroupName]?.inline ?? {}));
    return PolicyName ? { GroupName, PolicyName } : undefined;
  },
  CreateAccessKey: ({ users }, pick, { actor }) => {
    const UserName = pick(USERS.filter((name) => Object.keys(users[name]?.keys ?? {}).length < 2));
    if (!UserName) return undefined;
    return UserName === actor ? {} : { UserName };
  },
  UpdateAccessKey: switchedOn("keys", "AccessKeyId"),
  CreateLoginProfile: ({ users }, pick) => {
    const UserName = pick(USERS.filter((name) => !users[name]?.password));
    return UserName ? { UserName, Password: "Seven-of-Nine-7!" } : undefined;
  },
  UpdateLoginProfile: ({ users }, pick) => {
    const UserName = pick(USERS.filter((name) => users[name]?.password));
    return UserName ? { UserName, Password: "Seven-of-Nine-7!" } : undefined;
  },
  UploadSSHPublicKey: (_, pick) => ({ UserName: pick(USERS), SSHPublicKeyBody: "ssh-rsa AAAA" }),
  UpdateSSHPublicKey: switchedOn("sshKeys", "SSHPublicKeyId"),
  CreateServiceSpecificCredential: (_, pick) => ({
    UserName: pick(USERS),
    ServiceName: "codecommit.amazonaws.com",
  }),
  UpdateServiceSpecificCredential: switchedOn("serviceCredentials", "ServiceSpecificCredentialId"),
  UploadSigningCertificate: (_, pick) => ({ UserName: pick(USERS), CertificateBody: "PEM" }),
  UpdateSigningCertificate: switchedOn("certificates", "CertificateId"),
  EnableMFADevice: (_, pick) => ({
    UserName: pick(USERS),
    SerialNumber: `arn:aws:iam::${ACCOUNT}:mfa/phone`,
    AuthenticationCode1: "123456",
    AuthenticationCode2: "654321",
  }),
  UpdateUser: (_, pick) => ({ UserName: pick(USERS), NewUserName: "renamed" }),
  UpdateGroup: (_, pick) => ({ GroupName: pick(GROUPS), NewGroupName: "renamed" }),
  order: (_, pick) => ({ user: pick(USERS), reason: "his laptop was stolen" }),
};

export const attackNames = Object.keys(attacks);

function ofUser(
  users: World["users"],
  pick: Choice,
  list: (user: World["users"][string]) => string[],
  field: string,
): Input {
  const of = (name: string) => (users[name] ? list(users[name]) : []);
  const UserName = pick(USERS.filter((name) => of(name).length > 0));
  return UserName ? { UserName, [field]: pick(of(UserName)) } : undefined;
}

function switchedOn(
  kind: "keys" | "sshKeys" | "serviceCredentials" | "certificates",
  field: string,
) {
  return ({ users }: World, pick: Choice): Input => {
    const ids = (name: string) => Object.keys(users[name]?.[kind] ?? {});
    const UserName = pick(USERS.filter((name) => ids(name).length > 0));
    return UserName
      ? { UserName, [field]: pick(ids(UserName)), Status: pick(["Active", "Active", "Inactive"]) }
      : undefined;
  };
}

export const attack: fc.Arbitrary<Attack> = fc.record({
  event: fc.constantFrom(...attackNames),
  numbers: fc.array(fc.nat(30), { minLength: 3, maxLength: 3 }),
  document: text,
  actor: fc.constantFrom<Attack["actor"]>("root", "role", "eve", "bob"),
});

/** What is called, and with what; undefined where this account has nothing that it could be about. */
export function callOf(world: World, one: Attack): { action: string; input: object } | undefined {
  const numbers = [...one.numbers];
  const pick: Choice = (list) => list[(numbers.shift() ?? 0) % list.length];
  const input = attacks[one.event]?.(world, pick, one);
  return input && { action: one.event, input };
}

/**
 * Makes the attack in the account, and gives what the state machine is started with; undefined where
 * there is nothing that it could be about, or its caller may do nothing.
 */
export async function attackIn(iam: InMemoryIam, one: Attack): Promise<unknown> {
  const call = callOf(iam.world, one);
  if (!call) return undefined;
  if (call.action === "order") return call.input;
  const caller = iam.world.users[one.actor];
  if (caller?.attached.includes(DENY_ALL) || caller?.boundary === DENY_ALL) return undefined;
  const arn = `arn:aws:iam::${ACCOUNT}`;
  const callers = {
    root: { kind: "root", name: "root", id: ACCOUNT, arn: `${arn}:root` },
    role: {
      kind: "role",
      name: "ci",
      id: "AROA",
      session: "it",
      arn: `arn:aws:sts::${ACCOUNT}:assumed-role/ci/it`,
    },
    eve: { kind: "user", name: "eve", id: "AIDAEVE", arn: `${arn}:user/eve` },
    bob: { kind: "user", name: "bob", id: "AIDABOB", arn: `${arn}:user/bob` },
  } as const;
  try {
    return await iam.call(call.action, call.input as Record<string, unknown>, callers[one.actor]);
  } catch (error) {
    // A quota, or an earlier attack gave what this one is about another name, or this one's new name
    // away: it did not happen.
    if (/^(LimitExceeded|NoSuchEntity|EntityAlreadyExists)Exception$/.test((error as Error).name))
      return undefined;
    throw error;
  }
}
