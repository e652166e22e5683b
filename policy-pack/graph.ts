import type { Grant } from "../rulebook/admin";
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
  return {
    groups: securityGroups(of("opening"), entriesByList(of("entries"), nodes), nodes, trustedLists),
    users: users({ grants: of("grant"), members: of("member") }, of, nodes),
    doubts: of("doubt"),
  };
}

/** A thing that others refer to: one that the program makes, or one that it only names. */
interface Node {
  key: string;
  name: string;
  by?: Resource;
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
      ? [{ key: `${kind} ${words} ${from.join()}`, name: words }]
      : [{ key: `${kind} named ${nameOf(kind, text)}`, name: text }];
  }
}

/** A customer policy's ARN holds an account that the program need not know. */
function nameOf(kind: Kind, text: string): string {
  const at = kind === "policy" ? text.indexOf(":policy/") : -1;
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

function securityGroups(
  openings: Said<"opening">[],
  entries: Map<string, string[]>,
  nodes: Nodes,
  trustedLists: string[],
): Graph["groups"] {
  const groups = new Map<string, Graph["groups"][number]>();
  for (const opening of openings) {
    const listed = opening.lists
      .filter(({ text }) => !trustedLists.includes(text))
      .flatMap((list) => nodes.mean("prefixList", list))
      .flatMap((node) => entries.get(node.key) ?? (node.by ? [] : ["unknown"]));
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
      user(node).grants.push(...held(grant, `user ${node.name}`, []));
    }
  }
  const groupGrants = new Map<string, Said<"grant">[]>();
  for (const grant of grants.filter(({ to }) => to === "group")) {
    for (const { key } of nodes.mean("group", grant.ref)) {
      groupGrants.set(key, [...(groupGrants.get(key) ?? []), grant]);
    }
  }
  for (const member of members) {
    for (const group of nodes.mean("group", member.group)) {
      for (const node of nodes.mean("user", member.user)) {
        const way = `user ${node.name} → group ${group.name}`;
        const given = groupGrants.get(group.key) ?? [];
        user(node).grants.push(
          ...given.flatMap((grant) => held(grant, way, [`group/${group.name}`])),
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
