import ipaddr from "ipaddr.js";

/** EventBridge refuses a longer pattern (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html). */
export const MAX_PATTERN_LENGTH = 2048;

type Json = unknown;
type JsonObject = Record<string, Json>;
type Test = (value: Json) => boolean;

/**
 * Would EventBridge send an event to a rule with this pattern?
 *
 * @param text the rule's `eventPattern`, JSON.
 * @returns a predicate over whole events (the envelope with `detail`).
 * @throws on what EventBridge would refuse and on an operator that is not known here, when the
 *   rule is read and not only when an event happens to reach that operator.
 * Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html,
 *   https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html;
 *   where they leave a case open, AWS's own matcher (https://github.com/aws/event-ruler).
 */
export function eventMatcher(text: string): (event: Json) => boolean {
  if (text.length > MAX_PATTERN_LENGTH) {
    throw new Error(
      `event pattern has ${text.length} characters, EventBridge takes ${MAX_PATTERN_LENGTH} at most`,
    );
  }
  const pattern: Json = JSON.parse(text);
  if (!isObject(pattern)) throw new Error(`event pattern must be an object, got ${text}`);
  return objectTest(pattern, "");
}

function objectTest(pattern: JsonObject, path: string): Test {
  const tests = Object.entries(pattern).map(([key, wanted]): Test => {
    if (key === "$or") return alternatives(wanted, path);
    const at = path ? `${path}.${key}` : key;
    const test = isObject(wanted) ? nestedTest(wanted, at) : leafTest(wanted, at);
    return (node) => test(isObject(node) && Object.hasOwn(node, key) ? node[key] : undefined);
  });
  return (node) => tests.every((test) => test(node));
}

function alternatives(wanted: Json, path: string): Test {
  if (!Array.isArray(wanted) || !wanted.every(isObject) || wanted.length === 0) {
    throw new Error(`event pattern: '$or' at '${path}' must be a list of patterns`);
  }
  const tests = wanted.map((each) => objectTest(each, path));
  return (node) => tests.some((test) => test(node));
}

// Keys of one pattern object must be found in the same element of a list of objects. An absent
// object still answers to `exists: false` below it.
function nestedTest(pattern: JsonObject, path: string): Test {
  const test = objectTest(pattern, path);
  return (value) => (Array.isArray(value) && value.length > 0 ? value.some(test) : test(value));
}

function leafTest(wanted: Json, path: string): Test {
  if (!Array.isArray(wanted) || wanted.length === 0) {
    throw new Error(`event pattern: '${path}' must be a list of values or operators`);
  }
  const tests = wanted.map((rule) => ruleTest(rule, path));
  return (value) => tests.some((test) => test(leaves(value)));
}

/** One entry of a pattern's list, asked of all values at that path (a list in the event is many). */
function ruleTest(rule: Json, path: string): (values: Json[]) => boolean {
  if (!isObject(rule)) return (values) => values.includes(rule);
  const [operator, argument] = onlyEntry(rule, path);
  if (operator === "exists") {
    if (typeof argument !== "boolean") throw badArgument(operator, argument, path);
    return (values) => values.length > 0 === argument;
  }
  const test = operatorTest(operator, argument, path);
  return (values) => values.some(test);
}

function operatorTest(operator: string, argument: Json, path: string): Test {
  switch (operator) {
    case "anything-but":
      return anythingBut(argument, path);
    case "numeric":
      return numeric(argument, path);
    case "cidr":
      return cidr(argument, path);
    default:
      return textTest(operator, argument, path);
  }
}

function textTest(operator: string, argument: Json, path: string): Test {
  const ignoresCase = isObject(argument) && (operator === "prefix" || operator === "suffix");
  const [inner, text] = ignoresCase ? onlyEntry(argument, path) : ["", argument];
  if (typeof text !== "string" || (ignoresCase && inner !== "equals-ignore-case")) {
    throw badArgument(operator, argument, path);
  }
  const folded = (value: string) => (ignoresCase ? value.toLowerCase() : value);
  const tests: Record<string, (value: string) => boolean> = {
    prefix: (value) => folded(value).startsWith(folded(text)),
    suffix: (value) => folded(value).endsWith(folded(text)),
    "equals-ignore-case": (value) => value.toLowerCase() === text.toLowerCase(),
    wildcard: (value) => wildcard(text).test(value),
  };
  const test = tests[operator];
  if (!test) throw new Error(`event pattern: unsupported operator '${operator}' at '${path}'`);
  return (value) => typeof value === "string" && test(value);
}

function anythingBut(argument: Json, path: string): Test {
  if (isObject(argument)) {
    const [operator, texts] = onlyEntry(argument, path);
    const tests = [texts].flat().map((text) => textTest(operator, text, path));
    return (value) => !tests.some((test) => test(value));
  }
  const excluded = [argument].flat();
  if (excluded.length === 0 || excluded.some(isObject)) {
    throw badArgument("anything-but", argument, path);
  }
  return (value) => !excluded.includes(value);
}

const comparisons: Record<string, (a: number, b: number) => boolean> = {
  "=": (a, b) => a === b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
};

function numeric(argument: Json, path: string): Test {
  if (!Array.isArray(argument) || ![2, 4].includes(argument.length)) {
    throw badArgument("numeric", argument, path);
  }
  const tests: ((value: number) => boolean)[] = [];
  for (let i = 0; i < argument.length; i += 2) {
    const compare = comparisons[String(argument[i])];
    const bound: Json = argument[i + 1];
    if (!compare || typeof bound !== "number") throw badArgument("numeric", argument, path);
    tests.push((value) => compare(value, bound));
  }
  return (value) => typeof value === "number" && tests.every((test) => test(value));
}

function cidr(argument: Json, path: string): Test {
  if (typeof argument !== "string" || !ipaddr.isValidCIDR(argument)) {
    throw badArgument("cidr", argument, path);
  }
  const [network, bits] = ipaddr.parseCIDR(argument);
  return (value) => {
    if (typeof value !== "string" || !ipaddr.isValid(value)) return false;
    const address = ipaddr.parse(value);
    return address.kind() === network.kind() && address.match(network, bits);
  };
}

/** `*` is any text; `\*` and `\\` are the characters themselves. */
function wildcard(text: string): RegExp {
  const parts = text.match(/\\[*\\]|[\s\S]/g) ?? [];
  const source = parts.map((part) => (part === "*" ? "[\\s\\S]*" : escaped(part.slice(-1))));
  return new RegExp(`^${source.join("")}$`);
}

function escaped(character: string): string {
  return character.replace(/[.*+?^${}()|[\]\\/-]/, "\\$&");
}

/** Operators see scalars only; an object or an empty list is as good as absent. */
function leaves(value: Json): Json[] {
  if (Array.isArray(value)) return value.flatMap(leaves);
  return value === undefined || isObject(value) ? [] : [value];
}

function onlyEntry(rule: JsonObject, path: string): [string, Json] {
  const entries = Object.entries(rule);
  const [entry] = entries;
  if (!entry || entries.length > 1) {
    throw new Error(
      `event pattern: '${path}' needs one operator, got ${JSON.stringify(Object.keys(rule))}`,
    );
  }
  return entry;
}

function badArgument(operator: string, argument: Json, path: string): Error {
  return new Error(
    `event pattern: operator '${operator}' at '${path}' cannot take ${JSON.stringify(argument)}`,
  );
}

function isObject(value: Json): value is JsonObject {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
