import type { Exemption } from "../rulebook/exemptions";
import type { Ingress } from "../rulebook/ssh";
import type { Props, Resource } from "./resource";

/** How a property names another resource. */
export interface Ref {
  /** A name, an id or an ARN as it is written; "unknown" before deployment. */
  text: string;
  /** Ids of the resources that the property's value comes from. */
  from: string[];
  /** For people, where nothing else is known: "what web-rule names". */
  words: string;
  /** The list that it would stand in is not known, and may be empty. */
  maybe?: true;
}

/** Properties that hold a list of users or groups. */
const LISTS = ["users", "groups"];

/** What a resource can be to others. */
export type Kind = "user" | "group" | "policy" | "securityGroup" | "prefixList";

/** What one resource says; joined with what the others say, it makes the whole. */
export type Fact =
  /** The resource is one of these, and others may call it by these names. */
  | { is: "entity"; kind: Kind; names: string[] }
  /** An inbound permission of a security group, or of what makes one. */
  | {
      is: "opening";
      group: Ref;
      /** "ingress[1]"; "" for a resource that is one rule. */
      place: string;
      /** Property that holds the sources: "cidrBlocks"; and what it takes. */
      sources: string;
      takes: "list" | "text" | "groups" | "option";
      ingress: Omit<Ingress, "id">;
      lists: Ref[];
      /** In place of the rulebook's words, where no rule is written down. */
      because?: string;
    }
  /** Entries of a prefix list. */
  | { is: "entries"; list: Ref; cidrs: string[] }
  /** A policy document on a user or a group, or a managed policy that it gets. */
  | {
      is: "grant";
      to: "user" | "group";
      ref: Ref;
      place: string;
      policy: Ref | { document: unknown };
    }
  | { is: "member"; user: Ref; group: Ref }
  /** The document of a customer's policy. */
  | { is: "document"; document: unknown }
  | { is: "boundary"; user: Ref; policy: Ref }
  /** A way in for a user. */
  | { is: "credential"; user: Ref; what: string }
  /** What can be told only after deployment, or elsewhere. */
  | { is: "doubt"; rule: Exemption["rule"]; why: string; fix: string };

/** A property's value as a list: nothing is none, and what is unknown is one unknown. */
export function list(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** A property's value as an object: what is none has no fields. */
export function fields(value: unknown): Props {
  return typeof value === "object" && value !== null ? (value as Props) : {};
}

/** A property's value as a list of texts; what is no text is unknown. */
export function texts(...values: unknown[]): string[] {
  return values.flatMap(list).map((one) => (typeof one === "string" ? one : "unknown"));
}

/** What a property, or a value in it, names; an empty name names nothing. */
export function refs(resource: Resource, property: string, value?: unknown): Ref[] {
  const held = value ?? resource.props[property];
  const found = texts(held).filter((text) => text !== "");
  const from = resource.deps[property] ?? [];
  const words = `what ${resource.name} names`;
  // Of a list, it is not known which value comes from which resource: what is written speaks alone.
  const comes = (text: string) => (text === "unknown" || found.length === 1 ? from : []);
  const maybe = held === "unknown" && LISTS.includes(property);
  return found.map((text) => ({ text, from: comes(text), words, ...(maybe && { maybe }) }));
}

/** The resource itself. */
export function self(resource: Resource): Ref {
  return { text: "unknown", from: [resource.id], words: resource.name };
}
