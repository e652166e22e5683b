import { randomUUID } from "node:crypto";
import * as iamSdk from "@aws-sdk/client-iam";
import type { Call } from "../../drill/account/account";
import { type EventBridgeEvent, eventOf, recordOf } from "../../drill/account/cloudTrail";
import { fakeSdk, noSuchEntity, refusal } from "../functions/fakeSdk";
import { DENY_ALL, type IamAnswers } from "../functions/given";

export const ACCOUNT = "123456789012";

type Status = "Active" | "Inactive";
/** id → status */
type Credentials = Record<string, Status>;
/** name → document, plain JSON */
type Documents = Record<string, string>;

export interface WorldUser {
  attached: string[];
  inline: Documents;
  groups: string[];
  boundary?: string;
  keys: Credentials;
  password: boolean;
  sshKeys: Credentials;
  serviceCredentials: Credentials;
  certificates: Credentials;
  mfaDevices: string[];
}

/** An IAM account. Plain data, so that a copy is a snapshot. */
export interface World {
  users: Record<string, WorldUser>;
  groups: Record<string, { attached: string[]; inline: Documents }>;
  roles: Record<string, { attached: string[]; inline: Documents; boundary?: string }>;
  /** By ARN. */
  policies: Record<string, { versions: Documents; isDefault: string }>;
  /** ISO times at which credentials and versions came, by their ids; absent: long before. */
  made: Record<string, string>;
}

/** Everybody's answer: small pages, so that whoever forgets the second one is seen. */
const PAGE = 2;
/** Source: IAM User Guide, "IAM and AWS STS quotas": managed policies attached to an IAM user. */
const ATTACHMENTS = 10;
const TRUSTS_LAMBDA = JSON.stringify({
  Version: "2012-10-17",
  Statement: {
    Effect: "Allow",
    Principal: { Service: "lambda.amazonaws.com" },
    Action: "sts:AssumeRole",
  },
});
const LONG_BEFORE = "2026-01-01T00:00:00.000Z";

/**
 * IAM in memory: answers the SDK's commands from a world and changes it, as IAM would.
 *
 * `slow` lets every change count only a turn later than looks that are sent beside it.
 */
export class InMemoryIam {
  world: World;
  slow = false;
  /** ISO time of what is made from now on. */
  now = LONG_BEFORE;
  /** Who makes calls that name no user. */
  caller: string | undefined;
  readonly sdk: typeof iamSdk;
  readonly calls: [name: string, input: object][];
  #made = 0;

  constructor(world: World) {
    this.world = world;
    const { sdk, calls } = fakeSdk(iamSdk, "IAMClient", this.#answers());
    this.sdk = sdk;
    this.calls = calls;
  }

  /** Makes one call as somebody who is no responder, and tells it as CloudTrail and EventBridge do. */
  async call(
    action: string,
    params: Record<string, unknown>,
    caller: Call["caller"],
  ): Promise<EventBridgeEvent> {
    this.caller = caller.kind === "user" ? caller.name : undefined;
    const Command = (iamSdk as unknown as Record<string, new (input: object) => { input: object }>)[
      `${action}Command`
    ];
    if (!Command) throw new Error(`the AWS SDK has no call iam:${action}`);
    const client = new this.sdk.IAMClient({}) as unknown as {
      send(command: object): Promise<unknown>;
    };
    const key = keyOf(this.world, caller);
    const response = await client.send(new Command(params));
    const made: Call = {
      id: randomUUID(),
      time: new Date(this.now),
      service: "iam",
      action,
      principal: caller.name,
      principalKind: caller.kind,
      accessKeyId: key,
      caller,
      params,
      response,
      status: 200,
      userAgent: "aws-cli/2",
      at: 0,
      ms: 0,
    };
    return eventOf(recordOf(made, { accountId: ACCOUNT, region: "us-east-1" }));
  }

  #user(name = this.caller): WorldUser {
    return found(this.world.users, name);
  }

  /** What changes: at once, or a turn later. */
  #change<In, Out>(make: (input: In) => Out): (input: In) => Promise<Out> {
    return async (input) => {
      if (this.slow) await new Promise((resolve) => setImmediate(resolve));
      return make(input);
    };
  }

  #newId(prefix: string): string {
    this.#made++;
    const id = `${prefix}9${String(this.#made).padStart(15, "0")}`;
    this.world.made[id] = this.now;
    return id;
  }

  #madeAt(id: string): Date {
    return new Date(this.world.made[id] ?? LONG_BEFORE);
  }

  #statusOf(list: "keys" | "sshKeys" | "serviceCredentials" | "certificates") {
    return <Field extends string>(field: Field) =>
      this.#change(
        (
          input: { [key in Field | "UserName" | "Status"]: string | undefined },
        ): Record<string, never> => {
          const id = input[field] ?? "";
          const credentials = this.#user(input.UserName)[list];
          found(credentials, id);
          credentials[id] = input.Status as Status;
          return {};
        },
      );
  }

  #answers(): IamAnswers {
    return {
      ...this.#looks(),
      ...this.#grants(),
      ...this.#credentials(),
      ...this.#others(),
      ...this.#roles(),
    };
  }

  #looks(): IamAnswers {
    const user = (name: string | undefined) => this.#user(name);
    const group = (name: string | undefined) => found(this.world.groups, name);
    const policy = (arn: string | undefined) => found(this.world.policies, arn);
    const credentials = (list: Credentials) => Object.entries(list);
    return {
      GetUser: ({ UserName }) => {
        const { boundary } = user(UserName);
        return {
          User: boundary ? { PermissionsBoundary: { PermissionsBoundaryArn: boundary } } : {},
        };
      },
      ListAttachedUserPolicies: ({ UserName, Marker }) => {
        const { items, ...rest } = page(user(UserName).attached, Marker);
        return { AttachedPolicies: items.map((PolicyArn) => ({ PolicyArn })), ...rest };
      },
      ListUserPolicies: ({ UserName, Marker }) => {
        const { items, ...rest } = page(Object.keys(user(UserName).inline), Marker);
        return { PolicyNames: items, ...rest };
      },
      GetUserPolicy: ({ UserName, PolicyName }) => ({
        PolicyDocument: encodeURIComponent(found(user(UserName).inline, PolicyName)),
      }),
      ListGroupsForUser: ({ UserName, Marker }) => {
        const { items, ...rest } = page(user(UserName).groups, Marker);
        return { Groups: items.map((GroupName) => ({ GroupName })), ...rest };
      },
      ListAccessKeys: ({ UserName, Marker }) => {
        const { items, ...rest } = page(credentials(user(UserName).keys), Marker);
        const AccessKeyMetadata = items.map(([AccessKeyId, Status]) => ({
          AccessKeyId,
          Status,
          CreateDate: this.#madeAt(AccessKeyId),
        }));
        return { AccessKeyMetadata, ...rest };
      },
      ListSSHPublicKeys: ({ UserName, Marker }) => {
        const { items, ...rest } = page(credentials(user(UserName).sshKeys), Marker);
        const SSHPublicKeys = items.map(([SSHPublicKeyId, Status]) => ({
          SSHPublicKeyId,
          Status,
          UploadDate: this.#madeAt(SSHPublicKeyId),
        }));
        return { SSHPublicKeys, ...rest };
      },
      ListServiceSpecificCredentials: ({ UserName, Marker }) => {
        const { items, ...rest } = page(credentials(user(UserName).serviceCredentials), Marker);
        const ServiceSpecificCredentials = items.map(([ServiceSpecificCredentialId, Status]) => ({
          ServiceSpecificCredentialId,
          Status,
          ServiceName: "codecommit.amazonaws.com",
          CreateDate: this.#madeAt(ServiceSpecificCredentialId),
        }));
        return { ServiceSpecificCredentials, ...rest };
      },
      ListSigningCertificates: ({ UserName, Marker }) => {
        const { items, ...rest } = page(credentials(user(UserName).certificates), Marker);
        const Certificates = items.map(([CertificateId, Status]) => ({
          CertificateId,
          Status,
          UploadDate: this.#madeAt(CertificateId),
        }));
        return { Certificates, ...rest };
      },
      ListMFADevices: ({ UserName, Marker }) => {
        const { items, ...rest } = page(user(UserName).mfaDevices, Marker);
        return { MFADevices: items.map((SerialNumber) => ({ SerialNumber })), ...rest };
      },
      GetLoginProfile: ({ UserName }) => (user(UserName).password ? {} : noSuchEntity),
      GetAccessKeyLastUsed: ({ AccessKeyId = "" }) => {
        const owner = Object.entries(this.world.users).find(([, { keys }]) =>
          Object.hasOwn(keys, AccessKeyId),
        );
        return owner ? { UserName: owner[0] } : refusal("AccessDenied");
      },
      GetGroup: ({ GroupName, Marker }) => {
        group(GroupName);
        const members = Object.entries(this.world.users)
          .filter(([, { groups }]) => groups.includes(GroupName ?? ""))
          .map(([UserName]) => ({ UserName }));
        const { items, ...rest } = page(members, Marker);
        return { Users: items, ...rest };
      },
      ListAttachedGroupPolicies: ({ GroupName, Marker }) => {
        const { items, ...rest } = page(group(GroupName).attached, Marker);
        return { AttachedPolicies: items.map((PolicyArn) => ({ PolicyArn })), ...rest };
      },
      ListGroupPolicies: ({ GroupName, Marker }) => {
        const { items, ...rest } = page(Object.keys(group(GroupName).inline), Marker);
        return { PolicyNames: items, ...rest };
      },
      GetGroupPolicy: ({ GroupName, PolicyName }) => ({
        PolicyDocument: encodeURIComponent(found(group(GroupName).inline, PolicyName)),
      }),
      GetPolicy: ({ PolicyArn }) => ({ Policy: { DefaultVersionId: policy(PolicyArn).isDefault } }),
      GetPolicyVersion: ({ PolicyArn, VersionId }) => ({
        PolicyVersion: {
          Document: encodeURIComponent(found(policy(PolicyArn).versions, VersionId)),
        },
      }),
      ListPolicyVersions: ({ PolicyArn = "", Marker }) => {
        const { versions, isDefault } = policy(PolicyArn);
        const { items, ...rest } = page(Object.keys(versions), Marker);
        const Versions = items.map((VersionId) => ({
          VersionId,
          IsDefaultVersion: VersionId === isDefault,
          CreateDate: this.#versionMadeAt(PolicyArn, VersionId),
        }));
        return { Versions, ...rest };
      },
      ListEntitiesForPolicy: ({ PolicyArn = "", Marker, PolicyUsageFilter }) => {
        const { users, groups, roles } = this.world;
        if (PolicyUsageFilter === "PermissionsBoundary") {
          const under = Object.keys(users).filter((name) => users[name]?.boundary === PolicyArn);
          const { items, ...rest } = page(under, Marker);
          return { PolicyUsers: items.map((UserName) => ({ UserName })), ...rest };
        }
        const having = (list: Record<string, { attached: string[] }>) =>
          Object.keys(list).filter((name) => list[name]?.attached.includes(PolicyArn));
        const holders = [
          ...having(users).map((name) => ({ user: name })),
          ...having(groups).map((name) => ({ group: name })),
          ...having(roles).map((name) => ({ role: name })),
        ] as { user?: string; group?: string; role?: string }[];
        const { items, ...rest } = page(holders, Marker);
        return {
          PolicyUsers: items.flatMap(({ user: UserName }) => (UserName ? [{ UserName }] : [])),
          PolicyGroups: items.flatMap(({ group: GroupName }) => (GroupName ? [{ GroupName }] : [])),
          PolicyRoles: items.flatMap(({ role: RoleName }) => (RoleName ? [{ RoleName }] : [])),
          ...rest,
        };
      },
    };
  }

  /** Versions count up, so a later one is newer. */
  #versionMadeAt(arn: string, id: string): Date {
    const made = this.world.made[`${arn} ${id}`];
    return made ? new Date(made) : new Date(Date.parse(LONG_BEFORE) + 1000 * Number(id.slice(1)));
  }

  #grants(): IamAnswers {
    const user = (name: string | undefined) => this.#user(name);
    const group = (name: string | undefined) => found(this.world.groups, name);
    return {
      AttachUserPolicy: this.#change(({ UserName, PolicyArn = "" }) => {
        const { attached } = user(UserName);
        if (attached.includes(PolicyArn)) return {};
        if (attached.length >= ATTACHMENTS) throw refusal("LimitExceededException");
        attached.push(PolicyArn);
        return {};
      }),
      DetachUserPolicy: this.#change(({ UserName, PolicyArn }) =>
        takeOut(user(UserName).attached, PolicyArn),
      ),
      PutUserPolicy: this.#change(({ UserName, PolicyName = "", PolicyDocument = "" }) => {
        user(UserName).inline[PolicyName] = PolicyDocument;
        return {};
      }),
      DeleteUserPolicy: this.#change(({ UserName, PolicyName }) =>
        deleted(user(UserName).inline, PolicyName),
      ),
      AddUserToGroup: this.#change(({ UserName, GroupName = "" }) => {
        group(GroupName);
        const { groups } = user(UserName);
        if (!groups.includes(GroupName)) groups.push(GroupName);
        return {};
      }),
      RemoveUserFromGroup: this.#change(({ UserName, GroupName }) =>
        takeOut(user(UserName).groups, GroupName),
      ),
      PutUserPermissionsBoundary: this.#change(({ UserName, PermissionsBoundary }) => {
        if (PermissionsBoundary) user(UserName).boundary = PermissionsBoundary;
        return {};
      }),
      DeleteUserPermissionsBoundary: this.#change(({ UserName }) => {
        const his = user(UserName);
        if (!his.boundary) throw noSuchEntity;
        delete his.boundary;
        return {};
      }),
      AttachGroupPolicy: this.#change(({ GroupName, PolicyArn = "" }) => {
        const { attached } = group(GroupName);
        if (!attached.includes(PolicyArn)) attached.push(PolicyArn);
        return {};
      }),
      DetachGroupPolicy: this.#change(({ GroupName, PolicyArn }) =>
        takeOut(group(GroupName).attached, PolicyArn),
      ),
      PutGroupPolicy: this.#change(({ GroupName, PolicyName = "", PolicyDocument = "" }) => {
        group(GroupName).inline[PolicyName] = PolicyDocument;
        return {};
      }),
      DeleteGroupPolicy: this.#change(({ GroupName, PolicyName }) =>
        deleted(group(GroupName).inline, PolicyName),
      ),
    };
  }

  #credentials(): IamAnswers {
    const user = (name: string | undefined) => this.#user(name);
    const named = (name: string | undefined) => name ?? this.caller ?? "";
    return {
      CreateAccessKey: this.#change(({ UserName }) => {
        const { keys } = user(UserName);
        if (Object.keys(keys).length >= 2) throw refusal("LimitExceededException");
        const AccessKeyId = this.#newId("AKIA");
        keys[AccessKeyId] = "Active";
        return { AccessKey: { UserName: named(UserName), AccessKeyId, Status: "Active" as const } };
      }),
      UpdateAccessKey: this.#statusOf("keys")("AccessKeyId"),
      CreateLoginProfile: this.#change(({ UserName }) => {
        const his = user(UserName);
        if (his.password) throw refusal("EntityAlreadyExistsException");
        his.password = true;
        return { LoginProfile: { UserName: named(UserName) } };
      }),
      UpdateLoginProfile: this.#change(({ UserName }) => {
        if (!user(UserName).password) throw noSuchEntity;
        return {};
      }),
      DeleteLoginProfile: this.#change(({ UserName }) => {
        const his = user(UserName);
        if (!his.password) throw noSuchEntity;
        his.password = false;
        return {};
      }),
      UploadSSHPublicKey: this.#change(({ UserName }) => {
        const SSHPublicKeyId = this.#newId("APKA");
        user(UserName).sshKeys[SSHPublicKeyId] = "Active";
        const SSHPublicKey = {
          UserName: named(UserName),
          SSHPublicKeyId,
          Status: "Active" as const,
        };
        return { SSHPublicKey };
      }),
      UpdateSSHPublicKey: this.#statusOf("sshKeys")("SSHPublicKeyId"),
      CreateServiceSpecificCredential: this.#change(({ UserName }) => {
        const ServiceSpecificCredentialId = this.#newId("ACCA");
        user(UserName).serviceCredentials[ServiceSpecificCredentialId] = "Active";
        const made = { UserName: named(UserName), ServiceSpecificCredentialId };
        return { ServiceSpecificCredential: { ...made, Status: "Active" as const } };
      }),
      UpdateServiceSpecificCredential: this.#statusOf("serviceCredentials")(
        "ServiceSpecificCredentialId",
      ),
      UploadSigningCertificate: this.#change(({ UserName }) => {
        const CertificateId = this.#newId("CERT");
        user(UserName).certificates[CertificateId] = "Active";
        const Certificate = { UserName: named(UserName), CertificateId, Status: "Active" as const };
        return { Certificate };
      }),
      UpdateSigningCertificate: this.#statusOf("certificates")("CertificateId"),
      EnableMFADevice: this.#change(({ UserName, SerialNumber = "" }) => {
        const enabled = Object.values(this.world.users).flatMap(({ mfaDevices }) => mfaDevices);
        if (enabled.includes(SerialNumber)) throw refusal("EntityAlreadyExistsException");
        user(UserName).mfaDevices.push(SerialNumber);
        return {};
      }),
      DeactivateMFADevice: this.#change(({ UserName, SerialNumber }) =>
        takeOut(user(UserName).mfaDevices, SerialNumber),
      ),
    };
  }

  #roles(): IamAnswers {
    const role = (name: string | undefined) => found(this.world.roles, name);
    return {
      GetRole: ({ RoleName = "" }) => {
        const { boundary } = role(RoleName);
        return {
          Role: {
            Path: "/",
            RoleName,
            RoleId: "AROA",
            Arn: `arn:aws:iam::${ACCOUNT}:role/${RoleName}`,
            CreateDate: new Date(LONG_BEFORE),
            AssumeRolePolicyDocument: encodeURIComponent(TRUSTS_LAMBDA),
            ...(boundary && { PermissionsBoundary: { PermissionsBoundaryArn: boundary } }),
          },
        };
      },
      ListAttachedRolePolicies: ({ RoleName, Marker }) => {
        const { items, ...rest } = page(role(RoleName).attached, Marker);
        return { AttachedPolicies: items.map((PolicyArn) => ({ PolicyArn })), ...rest };
      },
      ListRolePolicies: ({ RoleName, Marker }) => {
        const { items, ...rest } = page(Object.keys(role(RoleName).inline), Marker);
        return { PolicyNames: items, ...rest };
      },
      GetRolePolicy: ({ RoleName, PolicyName }) => ({
        RoleName,
        PolicyName,
        PolicyDocument: encodeURIComponent(found(role(RoleName).inline, PolicyName)),
      }),
      ListInstanceProfilesForRole: { InstanceProfiles: [] },
      AttachRolePolicy: this.#change(({ RoleName, PolicyArn = "" }) => {
        const { attached } = role(RoleName);
        if (attached.includes(PolicyArn)) return {};
        if (attached.length >= ATTACHMENTS) throw refusal("LimitExceededException");
        attached.push(PolicyArn);
        return {};
      }),
      DetachRolePolicy: this.#change(({ RoleName, PolicyArn }) =>
        takeOut(role(RoleName).attached, PolicyArn),
      ),
      PutRolePolicy: this.#change(({ RoleName, PolicyName = "", PolicyDocument = "" }) => {
        role(RoleName).inline[PolicyName] = PolicyDocument;
        return {};
      }),
      DeleteRolePolicy: this.#change(({ RoleName, PolicyName }) =>
        deleted(role(RoleName).inline, PolicyName),
      ),
      PutRolePermissionsBoundary: this.#change(({ RoleName, PermissionsBoundary }) => {
        if (PermissionsBoundary) role(RoleName).boundary = PermissionsBoundary;
        return {};
      }),
      DeleteRolePermissionsBoundary: this.#change(({ RoleName }) => {
        delete role(RoleName).boundary;
        return {};
      }),
    };
  }

  #others(): IamAnswers {
    const policy = (arn: string | undefined) => found(this.world.policies, arn);
    return {
      CreatePolicyVersion: this.#change(
        ({ PolicyArn = "", PolicyDocument = "", SetAsDefault: isDefault }) => {
          const { versions } = policy(PolicyArn);
          if (Object.keys(versions).length >= 5) throw refusal("LimitExceededException");
          const VersionId = `v${1 + Math.max(...Object.keys(versions).map((id) => Number(id.slice(1))))}`;
          versions[VersionId] = PolicyDocument;
          this.world.made[`${PolicyArn} ${VersionId}`] = this.now;
          if (isDefault) policy(PolicyArn).isDefault = VersionId;
          return { PolicyVersion: { VersionId, IsDefaultVersion: isDefault === true } };
        },
      ),
      SetDefaultPolicyVersion: this.#change(({ PolicyArn, VersionId = "" }) => {
        found(policy(PolicyArn).versions, VersionId);
        policy(PolicyArn).isDefault = VersionId;
        return {};
      }),
      UpdateUser: this.#change(({ UserName = "", NewUserName = "" }) => {
        const his = this.#user(UserName);
        free(this.world.users, NewUserName);
        delete this.world.users[UserName];
        this.world.users[NewUserName] = his;
        return {};
      }),
      UpdateGroup: this.#change(({ GroupName = "", NewGroupName = "" }) => {
        const its = found(this.world.groups, GroupName);
        free(this.world.groups, NewGroupName);
        delete this.world.groups[GroupName];
        this.world.groups[NewGroupName] = its;
        for (const each of Object.values(this.world.users)) {
          each.groups = each.groups.map((name) => (name === GroupName ? NewGroupName : name));
        }
        return {};
      }),
    };
  }
}

/**
 * A world as a flat list, with the names that a restore gives to what it gives back: "keys:bob:AKIA…",
 * "policies:group/devs:inline/p". What differs between two worlds is then named as its plan names it.
 */
export function itemsOf(world: World): Record<string, string> {
  const entries: [item: string, value: string][] = [];
  const attachedTo = (name: string, arns: string[]) => {
    for (const arn of arns) {
      entries.push([arn === DENY_ALL ? `deny:${name}` : `policies:${name}:${arn}`, "attached"]);
    }
  };
  const documents = (name: string, inline: Documents) => {
    for (const [policy, text] of Object.entries(inline)) {
      entries.push([`policies:${name}:inline/${policy}`, text]);
    }
  };
  const bounded = (name: string, boundary: string | undefined) => {
    if (boundary) entries.push([`boundary:${name}`, boundary]);
  };
  for (const [name, user] of Object.entries(world.users)) {
    attachedTo(name, user.attached);
    documents(name, user.inline);
    for (const group of user.groups) entries.push([`groups:${name}:${group}`, "member"]);
    bounded(name, user.boundary);
    if (user.password) entries.push([`password:${name}`, "set"]);
    for (const serial of user.mfaDevices) entries.push([`mfa:${name}:${serial}`, "on"]);
    for (const [kind, list] of credentialKinds(user)) {
      for (const [id, status] of Object.entries(list)) {
        entries.push([`${kind}:${name}:${id}`, status]);
      }
    }
    entries.push([`user:${name}`, "there"]);
  }
  for (const [name, { attached, inline }] of Object.entries(world.groups)) {
    attachedTo(`group/${name}`, attached);
    documents(`group/${name}`, inline);
    entries.push([`group:${name}`, "there"]);
  }
  for (const [name, { attached, inline, boundary }] of Object.entries(world.roles)) {
    attachedTo(`role/${name}`, attached);
    documents(`role/${name}`, inline);
    bounded(`role/${name}`, boundary);
  }
  for (const [arn, { versions, isDefault }] of Object.entries(world.policies)) {
    entries.push([`default:${arn}`, isDefault]);
    for (const [id, text] of Object.entries(versions)) entries.push([`version:${arn}:${id}`, text]);
  }
  return Object.fromEntries(entries);
}

/** The items in which two worlds differ, each with what it was and what it is. */
export function differences(
  before: World,
  after: World,
): Record<string, [was: string | undefined, is: string | undefined]> {
  const [was, is] = [itemsOf(before), itemsOf(after)];
  const all = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort();
  return Object.fromEntries(
    all.flatMap((item) => (was[item] === is[item] ? [] : [[item, [was[item], is[item]]]])),
  );
}

/** Every credential that lets somebody in now, as items. */
export function activeCredentials(world: World, name: string): string[] {
  const user = world.users[name];
  if (!user) return [];
  return [
    ...credentialKinds(user).flatMap(([kind, list]) =>
      Object.entries(list).flatMap(([id, status]) =>
        status === "Active" ? [`${kind}:${name}:${id}`] : [],
      ),
    ),
    ...(user.password ? [`password:${name}`] : []),
    ...user.mfaDevices.map((serial) => `mfa:${name}:${serial}`),
  ];
}

function credentialKinds(user: WorldUser): [kind: string, list: Credentials][] {
  return [
    ["keys", user.keys],
    ["ssh-keys", user.sshKeys],
    ["service-credentials", user.serviceCredentials],
    ["certificates", user.certificates],
  ];
}

/** A user signs with a key that is active, or is at the console. */
function keyOf({ users }: World, { kind, name }: Call["caller"]): string {
  const keys = kind === "user" ? Object.entries(users[name]?.keys ?? {}) : [];
  return keys.find(([, status]) => status === "Active")?.[0] ?? "ASIA0000000000000000";
}

function found<T>(list: Record<string, T>, name: string | undefined): T {
  if (name === undefined || !Object.hasOwn(list, name)) throw noSuchEntity;
  return list[name] as T;
}

function free(list: Record<string, unknown>, name: string): void {
  if (Object.hasOwn(list, name)) throw refusal("EntityAlreadyExistsException");
}

function takeOut(list: string[], one: string | undefined): Record<string, never> {
  const at = list.indexOf(one ?? "");
  if (at < 0) throw noSuchEntity;
  list.splice(at, 1);
  return {};
}

function deleted(list: Documents, name: string | undefined): Record<string, never> {
  found(list, name);
  delete list[name ?? ""];
  return {};
}

function page<T>(all: T[], marker: string | undefined) {
  const from = Number(marker ?? 0);
  const to = from + PAGE;
  const items = all.slice(from, to);
  return to < all.length
    ? { items, IsTruncated: true, Marker: String(to) }
    : { items, IsTruncated: false };
}
