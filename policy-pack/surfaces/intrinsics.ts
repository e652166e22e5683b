import { type Answer, every, not, some, yesNo } from "../../rulebook/answer";
import type { Props } from "../resource";

/** What the functions of one template are computed with. */
export interface Scope {
  /** The template's own sections. */
  parameters: Props;
  mappings: Props;
  conditions: Props;
  /** Logical ids of its resources, and what other resources' `deps` call them. */
  ids: Map<string, string>;
  /** The values that the holder gives to parameters; "unknown" where none of them is known. */
  given: Props | "unknown";
  /** Where the holder's own unknown values come from. */
  from: { template: string[]; parameters: string[] };
  /** Conditions that have been decided, or are being decided: one that needs itself is unknown. */
  decided: Map<string, Answer>;
  /** Ids of the resources that the value at hand comes from; filled on the way. */
  deps: Set<string>;
  /** Keys, like "Fn::Transform", that put something beside what is written; filled on the way. */
  macros: Set<string>;
  /** Characters and values that may still be read: of the resource at hand, and of all. */
  left: { here: number; all: number };
  depth: number;
}

/** In place of `AWS::NoValue`: the property or element is not there. */
const NO_VALUE = Symbol("AWS::NoValue");

/** In place of what is assumed only at the end, so that no condition is decided by it. */
const PARTITION = "\uE000";
const ACCOUNT = "\uE001";

const DEEPEST = 64;

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html */
const pseudoParameters: Props = {
  "AWS::Partition": PARTITION,
  "AWS::AccountId": ACCOUNT,
  "AWS::NoValue": NO_VALUE,
};

type Call = (argument: unknown, scope: Scope) => unknown;

/**
 * How each function is computed; those that are not here are "unknown".
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
 */
const functions: Record<string, Call> = {
  Ref: (name, scope) => reference(name, scope),
  "Fn::GetAtt": (attribute, scope) =>
    fromResource(firstName(Array.isArray(attribute) ? attribute[0] : attribute), scope),
  "Fn::Sub": substitute,
  "Fn::Join": (argument, scope) => {
    const [delimiter, parts] = resolvedArguments(argument, scope);
    return Array.isArray(parts) ? joined(parts, delimiter, scope) : "unknown";
  },
  "Fn::Split": (argument, scope) => {
    const [delimiter, text] = resolvedArguments(argument, scope);
    const known = isKnown(text) && typeof delimiter === "string" && delimiter !== "";
    return known ? String(text).split(delimiter) : "unknown";
  },
  "Fn::Select": (argument, scope) => {
    const [index, list] = resolvedArguments(argument, scope);
    if (!isKnown(index) || !Array.isArray(list)) return "unknown";
    return list[Number(index)] ?? "unknown";
  },
  "Fn::FindInMap": (argument, scope) => {
    const [map, top, second, options] = resolvedArguments(argument, scope);
    const keys = [map, top, second];
    if (!keys.every(isSettled)) return "unknown";
    const found = keys.reduce((held, key) => own(held, String(key)), scope.mappings as unknown);
    return found === undefined ? own(options, "DefaultValue") : resolve(found, scope);
  },
  "Fn::If": (argument, scope) => {
    const [name, whenTrue, whenFalse] = listOf(argument);
    const answer = named(name, scope);
    if (answer !== "unknown") return resolve(answer === "yes" ? whenTrue : whenFalse, scope);
    const [one, other] = alternatives([whenTrue, whenFalse], scope);
    return alike(one, other) ? one : "unknown";
  },
};

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html */
const operators: Record<string, (argument: unknown, scope: Scope) => Answer> = {
  Condition: named,
  "Fn::And": (argument, scope) => every(listOf(argument).map((one) => decide(one, scope))),
  "Fn::Or": (argument, scope) => some(listOf(argument).map((one) => decide(one, scope))),
  "Fn::Not": (argument, scope) => not(decide(listOf(argument)[0], scope)),
  "Fn::Equals": (argument, scope) => {
    const [one, other] = resolvedArguments(argument, scope);
    return isSettled(one) && isSettled(other) ? yesNo(String(one) === String(other)) : "unknown";
  },
};

/**
 * A value of a template, with its functions computed; "unknown" where they cannot be.
 *
 * `scope.deps` gets the resources that it comes from. Under a condition that cannot be decided,
 * none: what may refer to a resource does not do so for certain.
 *
 * @throws Error with a sentence, where the value is too deep, or too long when it is written out.
 */
export function resolve(value: unknown, outer: Scope): unknown {
  const scope = { ...outer, depth: outer.depth + 1 };
  spend(typeof value === "string" ? value.length + 1 : 1, scope);
  if (scope.depth > DEEPEST) throw new Error(`it is nested more than ${DEEPEST} levels deep`);
  if (value === "unknown") return unknownFrom(scope.from.template, scope);
  if (Array.isArray(value)) return present(value.flatMap((one) => element(one, scope)));
  if (!isRecord(value)) return value;
  const [name, argument] = functionOf(value);
  if (name !== undefined) return (own(functions, name) as Call)?.(argument, scope) ?? "unknown";
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, held]) => resolveProperty(key, held, scope)),
  );
}

/** The property as it is there; none, where it is not. */
export function resolveProperty(key: string, value: unknown, scope: Scope): [string, unknown][] {
  if (key.startsWith("Fn::")) {
    scope.macros.add(key);
    return [];
  }
  const resolved = resolve(value, scope);
  return resolved === NO_VALUE ? [] : [[key, resolved]];
}

/** Is the condition of this name met? */
export function named(name: unknown, scope: Scope): Answer {
  if (typeof name !== "string") return "unknown";
  const known = scope.decided.get(name);
  if (known !== undefined) return known;
  scope.decided.set(name, "unknown");
  const answer = decide(own(scope.conditions, name), { ...scope, deps: new Set() });
  scope.decided.set(name, answer);
  return answer;
}

/** Keys whose values say what a value is for: they alone open nothing and grant nothing. */
const LABELS = ["Effect", "Resource", "NotResource", "Namespace", "OptionName"];
/** Those of a rule of a security group, which needs a source besides. */
const RULE_LABELS = ["IpProtocol", "FromPort", "ToPort"];

/**
 * A value that may be there or not: nothing in it is known that could open or grant. What only says
 * whether it matters stays, so that a rule for port 443 or a Deny is not taken for something else.
 */
export function maybe(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maybe);
  if (!isRecord(value)) return "unknown";
  const labels = Object.hasOwn(value, "IpProtocol") ? RULE_LABELS : LABELS;
  return Object.fromEntries(
    Object.entries(value).map(([key, held]) => [key, labels.includes(key) ? held : maybe(held)]),
  );
}

/**
 * A text in which the partition and the account are still open. The partition is taken for "aws":
 * managed policies have the same names in each. The account in an ARN is the stack's own, which `*`
 * says as well; elsewhere it is not known.
 */
export function settled(text: string): string {
  const whole = text
    .replaceAll(PARTITION, "aws")
    .replace(/^(arn:[^:]*:[^:]*:[^:]*:)\uE001(?=:)/, "$1*");
  return whole.includes(ACCOUNT) ? "unknown" : whole;
}

export function isRecord(value: unknown): value is Props {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What an object itself holds under a key: templates may name a key "__proto__". */
export function own(held: unknown, key: string): unknown {
  return isRecord(held) && Object.hasOwn(held, key) ? held[key] : undefined;
}

/** A function is an object with one key. Its argument stays as it is written. */
function functionOf(value: Props): [name?: string, argument?: unknown] {
  const [name, ...others] = Object.keys(value);
  const isFunction = name === "Ref" || name?.startsWith("Fn::");
  return name !== undefined && isFunction && others.length === 0 ? [name, value[name]] : [];
}

/**
 * What an element of a list becomes. Where an If cannot be decided, what both branches have is there
 * perhaps, and beside it the others stay known.
 */
function element(value: unknown, scope: Scope): unknown[] {
  const [name, argument] = isRecord(value) ? functionOf(value) : [];
  const [condition, ...branches] = listOf(argument);
  if (name !== "Fn::If" || named(condition, scope) !== "unknown") return [resolve(value, scope)];
  const found = alternatives(branches, scope);
  if (alike(found[0], found[1])) return found.slice(0, 1);
  const possible = present(found).map(maybe);
  return possible.every((one) => one === "unknown") ? ["unknown"] : possible;
}

function alternatives(branches: unknown[], scope: Scope): unknown[] {
  return branches.map((branch) => resolve(branch, { ...scope, deps: new Set() }));
}

function alike(one: unknown, other: unknown): boolean {
  if (typeof one === "symbol" || typeof other === "symbol") return one === other;
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Arguments keep their number: an element that may be missing counts as one. */
function resolvedArguments(argument: unknown, scope: Scope): unknown[] {
  return listOf(argument).map((one) =>
    Array.isArray(one) ? present(one.map((part) => resolve(part, scope))) : resolve(one, scope),
  );
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-ref.html */
function reference(name: unknown, scope: Scope): unknown {
  if (typeof name !== "string") return "unknown";
  const parameter = own(scope.parameters, name);
  if (parameter !== undefined) return parameterValue(name, parameter, scope);
  return own(pseudoParameters, name) ?? fromResource(name, scope);
}

/**
 * The value given, else the default. What is kept in SSM's parameter store is named and not told.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
 */
function parameterValue(name: string, parameter: unknown, scope: Scope): unknown {
  const given = scope.given === "unknown" ? "unknown" : own(scope.given, name);
  if (given === "unknown") return unknownFrom(scope.from.parameters, scope);
  const type = own(parameter, "Type");
  const value = given ?? own(parameter, "Default");
  const isPlain = typeof type === "string" && !type.startsWith("AWS::SSM::");
  if (!isPlain || !isKnown(value)) return "unknown";
  const text = String(value);
  spend(text.length, scope);
  const isList = type === "CommaDelimitedList" || type.startsWith("List<");
  return isList ? text.split(",").map((one) => one.trim()) : value;
}

/** "Web" of "Web.Arn". */
function firstName(attribute: unknown): string | undefined {
  return typeof attribute === "string" ? attribute.split(".")[0] : undefined;
}

function fromResource(logicalId: string | undefined, scope: Scope): "unknown" {
  const id = scope.ids.get(logicalId ?? "");
  return unknownFrom(id === undefined ? [] : [id], scope);
}

function unknownFrom(ids: string[], scope: Scope): "unknown" {
  for (const id of ids) scope.deps.add(id);
  return "unknown";
}

/** No "$" in a name: a text of nothing but "${" must not be read from each of them to its end. */
const PLACEHOLDER = /\$\{([^${}]*)\}/;

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-sub.html */
function substitute(argument: unknown, scope: Scope): unknown {
  const [text, values] = listOf(argument);
  if (typeof text !== "string") return "unknown";
  // Every second part is a name: the pattern captures it.
  const parts = text
    .split(PLACEHOLDER)
    .map((part, index) => (index % 2 === 0 ? part : placeholder(part.trim(), values, scope)));
  return joined(parts, "", scope);
}

function placeholder(name: string, values: unknown, scope: Scope): unknown {
  if (name.startsWith("!")) return `\${${name.slice(1)}}`;
  const value = own(values, name);
  if (value !== undefined) return resolve(value, scope);
  return name.includes(".") ? fromResource(firstName(name), scope) : reference(name, scope);
}

/** One unknown part makes the whole unknown: half an address or a name must not be read as one. */
function joined(parts: unknown[], delimiter: unknown, scope: Scope): string {
  const found = present(parts);
  if (!found.every(isKnown) || typeof delimiter !== "string") return "unknown";
  spend(
    found.reduce((sum: number, part) => sum + String(part).length + delimiter.length, 0),
    scope,
  );
  return found.join(delimiter);
}

function decide(condition: unknown, outer: Scope): Answer {
  const scope = { ...outer, depth: outer.depth + 1 };
  spend(1, scope);
  if (scope.depth > DEEPEST) return "unknown";
  const [name, ...others] = isRecord(condition) ? Object.keys(condition) : [];
  if (name === undefined || others.length > 0) return "unknown";
  const operator = own(operators, name) as (typeof operators)[string] | undefined;
  return operator?.(own(condition, name), scope) ?? "unknown";
}

function spend(amount: number, { left }: Scope): void {
  left.here -= amount;
  left.all -= amount;
  if (left.here < 0 || left.all < 0) throw new Error("it is too long when it is written out");
}

function present(values: unknown[]): unknown[] {
  return values.filter((value) => value !== NO_VALUE);
}

function listOf(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function isKnown(value: unknown): value is string | number | boolean {
  return value !== "unknown" && ["string", "number", "boolean"].includes(typeof value);
}

/** Known, whatever the partition and the account are. */
function isSettled(value: unknown): boolean {
  return isKnown(value) && !String(value).includes(PARTITION) && !String(value).includes(ACCOUNT);
}
