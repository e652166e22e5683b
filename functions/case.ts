import type { SecurityGroupRule } from "@aws-sdk/client-ec2";
import type { Incident, RemoteAddressSubject } from "../events/incident";
import type { AclChange, AclEntry } from "../networkAcl/acl";
import type { Look } from "./account/look";
import type { RoleLook } from "./account/role";
import type { OrGone, RoleAfter, UserAfter } from "./after";
import { withinBounds, withTexts } from "./caseBounds";

/** `observe` does every look and no change; `enforce` does both. */
export type Mode = "observe" | "enforce";

/** One call that changes something, and what came of it. */
export interface Action {
  /** As IAM policies write it: "iam:AttachUserPolicy". */
  call: string;
  /** "user bob", "group devs", "sg-…": what it was done to. */
  subject: string;
  input: Record<string, unknown>;
  /**
   * `would`: observed only. `gone`: there was nothing left to take away. `full`: a quota has no room,
   * so something else must do it.
   */
  outcome: "done" | "would" | "gone" | "full" | "failed";
  /** ISO time at which the answer came. */
  at: string;
  /** The error's name and message, where it failed. */
  error?: string;
  /** What the call takes can only be replaced, by what restore names. Absent: it can be given back. */
  restorable?: false;
}

/**
 * What was contained, and how it was before: enough to give it back. `after` is how the last look that
 * came after a pass saw it; absent where none did, and where nothing was changed.
 */
export type CaseSubject =
  | {
      kind: "user";
      name: string;
      accessKeyId?: string;
      before?: Look;
      after?: OrGone<UserAfter>;
    }
  | {
      kind: "group";
      name: string;
      policyArn?: string;
      policyName?: string;
      before: { members: string[]; document?: unknown };
      /** Is the record's grant on it? */
      after?: { granted: boolean };
    }
  | {
      kind: "policy";
      arn: string;
      before: Holders;
      after?: Holders;
    }
  | {
      kind: "role";
      name: string;
      policyArn?: string;
      policyName?: string;
      before?: RoleLook;
      after?: OrGone<RoleAfter>;
    }
  | {
      kind: "applicationUser";
      name: string;
      accessKeyId?: string;
      before?: Look;
      after?: OrGone<UserAfter>;
      /** The name of the secret that holds the new key. */
      secret?: string;
    }
  | {
      kind: "securityGroup";
      groupId: string;
      before: { rules: unknown[] };
      /** The rules that open SSH. */
      after?: { rules: unknown[] };
      /** What the case added in the place of rules that it took. */
      replaced?: Replacing[];
    }
  | {
      kind: "networkAcl";
      aclId: string;
      before: { entries: AclEntry[] };
      block: AclChange;
      /** ISO time at which the block is lifted. */
      until: string;
    }
  | RemoteAddressSubject;

/** Names of those to whom a policy is attached; the keepers are users from whom it is not taken. */
export interface Holders {
  users: string[];
  groups: string[];
  roles: string[];
  keepers: string[];
}

/** A rule that the case added to a group: its id, and the id of the rule that went for it. */
export interface Replacing {
  id: string;
  insteadOf: string;
}

/** The record of one incident, as the state machine carries it from pass to pass. */
export interface Case {
  /** The name of the execution, which is unique. */
  id: string;
  mode: Mode;
  subjects: CaseSubject[];
  /** Every pass adds to it; none overwrites what an earlier one did. */
  actions: Action[];
  /** What a person should know beside the actions, in sentences. */
  notes: string[];
  /** What a person must look at, even where nothing was done. */
  alerts: string[];
  /** What is not yet contained, by name. Empty: contained, or nothing to do. */
  open: string[];
  /** How many passes have looked again. */
  round: number;
  /** How many looks in a row found nothing open: the containment stays when it is two. */
  quiet: number;
  /**
   * The CIDRs that the prefix lists of rules that went had, by the lists' ids: a list may be changed
   * or gone when the sessions of who came in by it are cut. Absent: no such rule went.
   */
  prefixLists?: Record<string, string[]>;
  /** Where sessions go on, because a network ACL could not be blocked. Absent: nowhere. */
  unblocked?: string[];
  /** ISO time until which network ACLs are blocked. Absent: none is. */
  blockedUntil?: string;
  /**
   * Who was not judged, because a look at him failed while others were cut: the execution contains
   * those, and fails in the end. Absent: nobody.
   */
  undecided?: string[];
  /**
   * Rules that should have taken the place of one that went, and could not be added: the execution
   * contains the line, and fails in the end. Absent: nothing but SSH was lost.
   */
  lost?: LostRule[];
}

/** Ports, and who no longer reaches them, in EC2's terms. */
export interface LostRule {
  groupId: string;
  rule: Pick<
    SecurityGroupRule,
    "IpProtocol" | "FromPort" | "ToPort" | "CidrIpv4" | "CidrIpv6" | "PrefixListId"
  >;
}

/** What every function of a branch is handed. */
export interface BranchInput {
  incident: Incident;
  caseId: string;
  /** From the second state of a branch on. */
  case?: Case;
}

/** The case so far, or a new one. */
export function openCase(input: BranchInput, mode: Mode): Case {
  const { caseId } = input;
  return (
    input.case ?? {
      id: caseId,
      mode,
      subjects: [],
      actions: [],
      notes: [],
      alerts: [],
      open: [],
      round: 0,
      quiet: 0,
    }
  );
}

/** What one subject came to in one pass; what is left out is nothing. */
export type Pass = Partial<
  Pick<Case, "subjects" | "notes" | "alerts" | "open" | "undecided" | "prefixLists" | "lost">
> & {
  /** Of what the case had lost, what a look shows. */
  back?: LostRule[];
  /** What a look that came after saw, by `subjectKey`; only of what is in the case. */
  after?: Record<string, Extract<CaseSubject, { after?: unknown }>["after"]>;
};

/** What several subjects came to, as one pass. */
export function joined(passes: Pass[]): Pass {
  const prefixLists = allEntries(passes.map((pass) => pass.prefixLists));
  const after = Object.assign({}, ...passes.map((pass) => pass.after)) as NonNullable<
    Pass["after"]
  >;
  return {
    subjects: passes.flatMap(({ subjects = [] }) => subjects),
    notes: passes.flatMap(({ notes = [] }) => notes),
    alerts: passes.flatMap(({ alerts = [] }) => alerts),
    open: passes.flatMap(({ open = [] }) => open),
    ...(prefixLists && { prefixLists }),
    undecided: passes.flatMap(({ undecided = [] }) => undecided),
    lost: passes.flatMap(({ lost = [] }) => lost),
    back: passes.flatMap(({ back = [] }) => back),
    ...(Object.keys(after).length > 0 && { after }),
  };
}

/** What prefix lists had at one time or another, each CIDR once; undefined where there is no list. */
export function allEntries(lists: Case["prefixLists"][]): Case["prefixLists"] {
  const all: Record<string, string[]> = {};
  for (const [id, cidrs] of lists.flatMap((one) => Object.entries(one ?? {}))) {
    all[id] = [...new Set([...(all[id] ?? []), ...cidrs])];
  }
  return Object.keys(all).length > 0 ? all : undefined;
}

/**
 * Adds what the passes found and the calls did; a subject that is known already keeps its state
 * before, to which a later look adds the rules that it found and added. Open is what the passes left so, and
 * every call that failed: it alone is never cut short.
 */
export function addToCase(before: Case, passes: Pass[], actions: Action[] = []): Case {
  const subjects = passes
    .flatMap((pass) => pass.subjects ?? [])
    .reduce(withSubject, before.subjects)
    .map((one) => seenAfter(one, passes));
  const prefixLists = allEntries([before.prefixLists, ...passes.map((pass) => pass.prefixLists)]);
  const texts = (key: "notes" | "alerts" | "open" | "undecided") =>
    passes.flatMap((pass) => pass[key] ?? []);
  const undecided = [...(before.undecided ?? []), ...texts("undecided")];
  const { lost: lostBefore = [], ...rest } = before;
  const back = passes.flatMap((pass) => pass.back ?? []).map((one) => JSON.stringify(one));
  const lost = [...lostBefore, ...passes.flatMap((pass) => pass.lost ?? [])].filter(
    (one) => !back.includes(JSON.stringify(one)),
  );
  return withinBounds({
    ...rest,
    subjects,
    actions: [...before.actions, ...actions],
    notes: withTexts("notes", before.notes, texts("notes")),
    alerts: withTexts("alerts", before.alerts, texts("alerts")),
    open: [...undone(actions), ...texts("open")],
    ...(prefixLists && { prefixLists }),
    ...(undecided.length > 0 && { undecided }),
    ...(lost.length > 0 && { lost }),
  });
}

function seenAfter(one: CaseSubject, passes: Pass[]): CaseSubject {
  const after = passes.findLast((pass) => pass.after?.[subjectKey(one)])?.after?.[subjectKey(one)];
  return after ? ({ ...one, after } as CaseSubject) : one;
}

function withSubject(known: CaseSubject[], found: CaseSubject): CaseSubject[] {
  const key = subjectKey(found);
  if (!known.some((one) => subjectKey(one) === key)) return [...known, found];
  return known.map((one) => {
    if (one.kind !== "securityGroup" || found.kind !== "securityGroup") return one;
    if (subjectKey(one) !== key) return one;
    const ids = one.before.rules.map(ruleId);
    const more = found.before.rules.filter((rule) => !ids.includes(ruleId(rule)));
    const { replaced = [] } = one;
    const made = (found.replaced ?? []).filter(
      ({ id }) => !replaced.some((each) => each.id === id),
    );
    return {
      ...one,
      before: { rules: [...one.before.rules, ...more] },
      ...(replaced.length + made.length > 0 && { replaced: [...replaced, ...made] }),
    };
  });
}

/** A record's rule calls it `id`, EC2 by its own name. */
function ruleId(rule: unknown): unknown {
  const { id, SecurityGroupRuleId } = rule as { id?: string; SecurityGroupRuleId?: string };
  return id ?? SecurityGroupRuleId;
}

/** The case after a pass that looked again. */
export function lookedAgain(after: Case): Case {
  const quiet = after.open.length === 0 ? after.quiet + 1 : 0;
  return { ...after, round: after.round + 1, quiet };
}

/**
 * Looks after which a subject that is still open fails loudly: somebody keeps opening it.
 */
export const MOST_ROUNDS = 6;

/** Looks in a row that must find nothing: one alone may have come before IAM showed the answer. */
export const QUIET_LOOKS = 2;

/** Has a look found something open, and was this the last look? Open still, or closed since. */
export function isDecided({ open, round, quiet }: Case): boolean {
  return open.length > 0 ? round >= MOST_ROUNDS : quiet >= QUIET_LOOKS && round > quiet;
}

/** The failed calls of a pass, by name. */
function undone(actions: Action[]): string[] {
  return actions
    .filter(({ outcome }) => outcome === "failed" || outcome === "full")
    .map(({ call, subject, error }) => `${call} on ${subject}: ${error}`);
}

/** By what a subject is known in its case: its kind, and its name or id. */
export function subjectKey(subject: CaseSubject): string {
  switch (subject.kind) {
    case "policy":
      return `policy ${subject.arn}`;
    case "securityGroup":
      return `securityGroup ${subject.groupId}`;
    case "remoteAddress":
      return `remoteAddress ${subject.address}`;
    case "networkAcl":
      return `networkAcl ${subject.aclId} ${JSON.stringify(subject.block)}`;
    default:
      return `${subject.kind} ${subject.name}`;
  }
}
