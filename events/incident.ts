import type { Actor } from "./actor";

/** The branch of the state machine that an event takes; the names are those of its states. */
export type Decision =
  | "EmergencyActionAccount"
  | "EmergencyActionApplication"
  | "EmergencyActionInfrastructure"
  | "Ignore";

/** The permission that the record hands out, where it names one. */
export type RecordGrant =
  | { kind: "attached"; policyArn: string }
  | { kind: "inline"; policyName: string }
  | { kind: "group"; groupName: string };

/** An IAM user to contain. */
export interface UserSubject {
  kind: "user";
  /** Empty where only his key is known: see `always`. */
  name: string;
  /** The record alone settles it: cut before looking. Otherwise the look decides. */
  proved: boolean;
  /** The key that the record made or switched on; it is cut beside the first cut. */
  accessKeyId?: string;
  /** What the look asks: does this grant make an admin? Absent: is the user an admin at all? */
  grant?: RecordGrant;
  /** AWS or a person named him, no call did: where there is no such user, a person must hear it. */
  reported?: true;
  /**
   * Somebody else has the key `accessKeyId`, and the event tells nothing of its owner: `name` is
   * empty and `proved` false, so that a look comes first. It seeks the owner by the key
   * (GetAccessKeyLastUsed), and whoever that is is cut, admin or not; an exemption from `admin-user`
   * does not count. `protectedPrincipals` and `applicationUsers` do, as for a user whom a look
   * brought up.
   */
  always?: true;
  /** He made the call, and is contained beside its subjects; `proved` where theirs is. */
  caller?: true;
}

/** A user that runs an application: its credentials are rotated, its other permissions stay. */
export interface ApplicationUserSubject extends Omit<UserSubject, "kind"> {
  kind: "applicationUser";
  /** The application user's own key, where it was the one that made the call: it is stolen too. */
  actorKeyId?: string;
}

/** An IAM group that the record gives a policy, or whose members the record concerns. */
export interface GroupSubject {
  kind: "group";
  name: string;
  /** The grant that leaves the group. Absent: nothing leaves it, its members are looked at. */
  grant?: Exclude<RecordGrant, { kind: "group" }>;
  proved: boolean;
  /** The members are contained, admins or not: by `newCredentials`. */
  always?: true;
  /** Taking the grant away would take a Deny away too: contain the users it makes admin instead. */
  denies: boolean;
}

/** A customer managed policy whose default version changed. */
export interface PolicySubject {
  kind: "policy";
  arn: string;
  /** The version that the record made the default, e.g. "v3"; it tells the former default apart. */
  versionId?: string;
  proved: boolean;
}

/** An IAM role that the record gives rights or opens to strangers, or whose session made the call. */
export interface RoleSubject {
  kind: "role";
  name: string;
  proved: boolean;
  /** The policy that the record gives it. Absent: the record concerns who may assume it. */
  grant?: Exclude<RecordGrant, { kind: "group" }>;
  /** A session of it made the call, and it is contained beside the call's subjects. */
  caller?: true;
  /** It is left alone, and this is what a person hears instead. */
  alertOnly?: string;
}

/** One rule of a security group as the record tells it. */
export interface RuleFact {
  /** "sgr-…" */
  id: string;
  protocol: string;
  fromPort?: number;
  toPort?: number;
  source: string;
  description?: string;
}

/** A rule that the record tells without settling what it opens; its id where the record has it. */
export type ToldRule = Omit<RuleFact, "id"> & Partial<Pick<RuleFact, "id">>;

/** A security group whose open SSH line is closed. */
export interface SecurityGroupSubject {
  kind: "securityGroup";
  groupId?: string;
  /** Where the record names the group by name only. */
  groupName?: string;
  /** The rules that the record proves open. Empty: the look finds them. */
  rules: RuleFact[];
  /** Where it proves none: what it tells of SSH, which EC2 may not show yet when it is looked at. */
  told?: ToldRule[];
  /** A person named it: an exemption does not count, and nothing to close is an alert. */
  ordered?: true;
}

/** A managed prefix list whose entries changed: every group whose rules name it is looked at. */
export interface PrefixListSubject {
  kind: "prefixList";
  /** "pl-…" */
  id: string;
  /** The CIDRs that the record adds: EC2 takes its time until a look shows them. */
  adds: string[];
  /** The version whose entries the record brought back. */
  version?: number;
}

/** Security groups that the record puts on network interfaces. */
export interface AttachedGroupsSubject {
  kind: "attachedGroups";
  groupIds: string[];
  /** The interfaces and instances that got them: "eni-…", "i-…". */
  holders: string[];
}

/** An address that tries SSH passwords on an instance, as GuardDuty saw it. */
export interface RemoteAddressSubject {
  kind: "remoteAddress";
  address: string;
  interfaceId?: string;
  instanceId?: string;
  subnetId?: string;
  vpcId?: string;
}

/** What gets contained. */
export type Subject =
  | UserSubject
  | ApplicationUserSubject
  | GroupSubject
  | PolicySubject
  | RoleSubject
  | InfrastructureSubject;

/** What the infrastructure branch works on. */
export type InfrastructureSubject =
  | SecurityGroupSubject
  | PrefixListSubject
  | AttachedGroupsSubject
  | RemoteAddressSubject;

/** The call that the record tells of; of a notice, what gave it. */
export interface EventFacts {
  id: string;
  name: string;
  source: string;
  time: string;
  region: string;
  account: string;
  /** The caller's address, or the service that called. */
  address: string;
}

/** What a record amounts to: the answer of `CloudWatcherCore`, and all that later states know. */
export interface Incident {
  decision: Decision;
  /** One sentence for a person: why this decision. */
  reason: string;
  /** What a human must hear although nothing is contained. */
  alert?: string;
  subjects: Subject[];
  actor: Actor;
  event: EventFacts;
  /** The evidence, cut to 32 KB. */
  record: unknown;
}
