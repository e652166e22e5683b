import { type Grant, makesAdmin } from "../rulebook/admin";
import { mayCompleteWorld } from "../rulebook/cidr";
import { awsManagedPolicy } from "../rulebook/managedPolicies";
import type { Ingress } from "../rulebook/ssh";
import type { Fact, Kind, Ref } from "./facts";
import type { Resource } from "./resource";
import { factsOf } from "./surfaces";

/** A fact and the resource that says it. */
export type Said<Is extends Fact["is"] = Fact["is"]> = Extract<Fact, { is: Is }> & {
  by: Resource;
};

/** One inbound permission with its prefix lists replaced by their entries. */
export interface Opening extends Said<"opening"> {
  ingress: Ingress;
  /** Resources whose entries take part in it. */
  lists: Ref[];
}

/** A user's grant, and the fact that it comes from. */
export interface HeldGrant extends Grant {
  source: Said<"grant">;
  /** Names by which the owner may have exempted it: the policy's ARN, "group/NAME". */
  exemptNames: string[];
}

/** A user with all that decides what he may do. */
export interface UserNode {
  /** For people: "bob", "what key names". */
  name: string;
  /** The resource that makes him, where the program does. */
  by?: Resource;
  grants: HeldGrant[];
  boundary?: Grant;
  credentials: Said<"credential">[];
}

/** The program's resources, joined. */
export interface Graph {
  /** The inbound permissions of each security group. */
  groups: { name: string; by?: Resource; openings: Opening[] }[];
  users: UserNode[];
  doubts: Said<"doubt">[];
}

/** Joins what the resources say, by references and by the names that are written down. */
export function join(resources: Resource[], trustedLists: string[] = []): Graph {
  const said = resources.flatMap((by) =>
    factsOf(by).map((fact): Said => ({ ...fact, by }) as Said),
  );
  const of = <Is extends Fact["is"]>(is: Is) => said.filter((fact) => fact.is === is) as Said<Is>[];
  const nodes = new Nodes(of("entity"));
  // Each rule asks for one of them: what is not asked for is not joined.
  return {
    get groups() {
      return securityGroups(of("opening"), of("entries"), nodes, trustedLists);
    },
    get users() {
      return users({ grants: of("grant"), members: of("member") }, of, nodes);
    },
    doubts: of("doubt"),
  };
}

/** A thing that others refer to: one that the program makes, or one that it only names. */
interface Node {
  key: string;
  name: string;
  by?: Resource;
  /** Nothing tells which of its kind it is. */
  any?: true;
}

class Nodes {
  readonly #byId = new Map<string, Node>();
  readonly #byName = new Map<string, Node>();
  readonly #kinds = new Map<Node, Kind>();

  constructor(entities: Said<"entity">[]) {
    for (const { by, kind, names } of entities) {
      const known = names.filter((name) => name !== "unknown");
      const node = { key: `${kind} ${by.id}`, name: known[0]?.split("/").at(-1) ?? by.name, by };
      this.#kinds.set(node, kind);
      this.#byId.set(`${kind} ${by.id}`, node);
      for (const name of known) this.#byName.set(`${kind} ${nameOf(kind, name)}`, node);
    }
  }

  /** Every node of the kind that the reference may mean; at least one. */
  mean(kind: Kind, ref: Ref): Node[] {
    const { text, from, words } = ref;
    const named = this.#byName.get(`${kind} ${nameOf(kind, text)}`);
    if (named) return [named];
    const made = from.flatMap((id) => this.#byId.get(`${kind} ${id}`) ?? []);
    if (made.length > 0) return made;
    return text === "unknown"
      ? [{ key: `${kind} ${words} ${from.join()}`, name: words, any: true }]
      : [{ key: `${kind} named ${nameOf(kind, text)}`, name: text }];
  }
}

/**
 * A customer policy's ARN holds an account that the program need not know. AWS's own are no
 * customer's, who may have one of the same name.
 */
function nameOf(kind: Kind, text: string): string {
  if (kind !== "policy" || awsManagedPolicy(text) !== undefined) return text;
  const at = text.indexOf(":policy/");
  return at >= 0 ? text.slice(at) : text;
}

function entriesByList(entries: Said<"entries">[], nodes: Nodes): Map<string, string[]> {
  const lists = new Map<string, string[]>();
  for (const { list, cidrs } of entries) {
    for (const { key } of nodes.mean("prefixList", list)) {
      lists.set(key, [...(lists.get(key) ?? []), ...cidrs]);
    }
  }
  return lists;
}

/** A wide entry of a list that is not known may be in any of them. */
function strayEntries(entries: Said<"entries">[], nodes: Nodes): string[] {
  const isStray = ({ list, cidrs }: Said<"entries">) =>
    nodes.mean("prefixList", list).some(({ any }) => any) && cidrs.some(mayCompleteWorld);
  return entries.some(isStray) ? ["unknown"] : [];
}

function securityGroups(
  openings: Said<"opening">[],
  entries: Said<"entries">[],
  nodes: Nodes,
  trustedLists: string[],
): Graph["groups"] {
  const groups = new Map<string, Graph["groups"][number]>();
  const byList = entriesByList(entries, nodes);
  const stray = strayEntries(entries, nodes);
  for (const opening of openings) {
    const listed = opening.lists
      .filter(({ text }) => !trustedLists.includes(text))
      .flatMap((list) => nodes.mean("prefixList", list))
      .flatMap((node) => [...(byList.get(node.key) ?? (node.by ? [] : ["unknown"])), ...stray]);
    const id = `${opening.by.id} ${opening.place}`;
    const ingress = { ...opening.ingress, id, cidrs: [...opening.ingress.cidrs, ...listed] };
    for (const { key, name, by } of nodes.mean("securityGroup", opening.group)) {
      const group = groups.get(key) ?? { name, ...(by && { by }), openings: [] };
      group.openings.push({ ...opening, ingress });
      groups.set(key, group);
    }
  }
  const byId = (a: Opening, b: Opening) => (a.ingress.id < b.ingress.id ? -1 : 1);
  return [...groups.values()].map((group) => ({ ...group, openings: group.openings.sort(byId) }));
}

interface Ties {
  grants: Said<"grant">[];
  members: Said<"member">[];
}

function users(
  { grants, members }: Ties,
  of: <Is extends Fact["is"]>(is: Is) => Said<Is>[],
  nodes: Nodes,
): UserNode[] {
  const documents = new Map(of("document").map(({ by, document }) => [by.id, document]));
  const found = new Map<string, UserNode>();
  const user = ({ key, name, by }: Node): UserNode => {
    const node = found.get(key) ?? { name, ...(by && { by }), grants: [], credentials: [] };
    found.set(key, node);
    return node;
  };
  const held = (grant: Said<"grant">, way: string, exemptNames: string[]): HeldGrant[] =>
    policies(grant, nodes, documents).map(({ names, ...policy }) => ({
      ...policy,
      path: `${way} → ${policy.path}`,
      source: grant,
      exemptNames: [...exemptNames, ...names],
    }));

  for (const grant of grants.filter(({ to }) => to === "user")) {
    for (const node of nodes.mean("user", grant.ref)) {
      const given = held(grant, `user ${node.name}`, []);
      user(node).grants.push(...settled(given, node, grant.ref));
    }
  }
  const givenTo = groupGrants(grants, nodes);
  for (const member of members) {
    for (const group of nodes.mean("group", member.group)) {
      const { given, possible } = givenTo(group);
      for (const node of nodes.mean("user", member.user)) {
        const way = `user ${node.name} → group ${group.name}`;
        const heldBy = (grant: Said<"grant">) => held(grant, way, [`group/${group.name}`]);
        user(node).grants.push(
          ...settled(given.flatMap(heldBy), node, member.user),
          ...possible.flatMap(heldBy).flatMap(doubted),
        );
      }
    }
  }
  for (const { user: ref, policy } of of("boundary")) {
    for (const node of nodes.mean("user", ref)) {
      user(node).boundary = boundary(policy, nodes, documents);
    }
  }
  for (const credential of of("credential")) {
    for (const node of nodes.mean("user", credential.user)) user(node).credentials.push(credential);
  }
  return [...found.values()];
}

/**
 * What a group is given, and what it may be: a group that is not known may be any, and so may be the
 * one that a grant goes to.
 */
function groupGrants(grants: Said<"grant">[], nodes: Nodes) {
  const all = grants.filter(({ to }) => to === "group");
  const byGroup = new Map<string, Said<"grant">[]>();
  const stray: Said<"grant">[] = [];
  for (const grant of all) {
    for (const { key, any } of nodes.mean("group", grant.ref)) {
      byGroup.set(key, [...(byGroup.get(key) ?? []), grant]);
      if (any) stray.push(grant);
    }
  }
  return ({ key, any }: Node) => {
    const given = byGroup.get(key) ?? [];
    return { given, possible: (any ? all : stray).filter((grant) => !given.includes(grant)) };
  };
}

/** The grants, or what is left of them where nothing tells that there is such a user. */
function settled(given: HeldGrant[], { any }: Node, { maybe }: Ref): HeldGrant[] {
  return any && maybe ? given.flatMap(doubted) : given;
}

/** A grant that may be the user's: of what could make him an admin, nothing is known. */
function doubted(grant: HeldGrant): HeldGrant[] {
  if (makesAdmin([grant]).answer === "no") return [];
  const { policyArn: _, document: __, ...unread } = grant;
  return [unread];
}

/** What a grant gives: its own document, or each managed policy that it may name. */
function policies(
  grant: Said<"grant">,
  nodes: Nodes,
  documents: Map<string, unknown>,
): (Grant & { names: string[] })[] {
  const { by, place, policy } = grant;
  const id = `${by.id} ${place}`;
  if ("document" in policy) {
    return [{ id, path: `policy of ${by.name}`, document: policy.document, names: [] }];
  }
  return nodes.mean("policy", policy).map((node) => {
    const known = policy.text === "unknown" ? {} : { policyArn: policy.text };
    const names = policy.text === "unknown" ? [] : [policy.text];
    if (!node.by) return { id, path: `policy ${shortName(policy, node)}`, ...known, names };
    return { id, path: `policy ${node.name}`, document: documents.get(node.by.id), names };
  });
}

function boundary(policy: Ref, nodes: Nodes, documents: Map<string, unknown>): Grant {
  const [node, ...others] = nodes.mean("policy", policy);
  const path = `permissions boundary ${policy.text}`;
  if (node?.by && others.length === 0) {
    return { id: "boundary", path, document: documents.get(node.by.id) };
  }
  return { id: "boundary", path, ...(policy.text !== "unknown" && { policyArn: policy.text }) };
}

function shortName({ text }: Ref, node: Node): string {
  return text === "unknown" ? node.name : (text.split("/").at(-1) ?? text);
}
