import assert from "node:assert/strict";
import { eventMatcher, MAX_PATTERN_LENGTH } from "../../../drill/program/pattern";

const leaf = (rule: unknown) => ({ detail: { v: [rule] } });
const event = (v: unknown) => ({ detail: { v } });

// Each pair is one statement of the operators page; the edge stands beside the middle.
const cases: [name: string, pattern: object, event: unknown, matches: boolean][] = [
  ["equal text", leaf("a"), event("a"), true],
  ["another text", leaf("a"), event("A"), false],
  ["a number is not its text", leaf(1), event("1"), false],
  ["numbers are equal by value", leaf(300), event(300.0), true],
  ["null", leaf(null), event(null), true],
  ["null is not absent", leaf(null), { detail: {} }, false],
  ["empty text", leaf(""), event(""), true],
  ["any value of the pattern's list", { source: ["a", "b"] }, { source: "b" }, true],
  ["any value of the event's list", leaf("b"), event(["a", "b"]), true],
  ["every key must match", { a: [1], b: [2] }, { a: 1, b: 3 }, false],
  ["more fields in the event", { a: [1] }, { a: 1, b: 3 }, true],
  ["prefix", leaf({ prefix: "aws." }), event("aws.iam"), true],
  ["prefix, not at the start", leaf({ prefix: "aws." }), event("x.aws."), false],
  ["prefix of a number", leaf({ prefix: "1" }), event(1), false],
  ["prefix in any case", leaf({ prefix: { "equals-ignore-case": "EV" } }), event("event"), true],
  ["suffix", leaf({ suffix: ".png" }), event("a.png"), true],
  ["suffix, not at the end", leaf({ suffix: ".png" }), event("a.png.txt"), false],
  ["suffix in any case", leaf({ suffix: { "equals-ignore-case": ".PNG" } }), event("a.png"), true],
  ["equal in any case", leaf({ "equals-ignore-case": "alice" }), event("ALICE"), true],
  ["not equal in any case", leaf({ "equals-ignore-case": "alice" }), event("ALICES"), false],
  ["wildcard", leaf({ wildcard: "arn:*:user/*" }), event("arn:aws:iam::1:user/x/y"), true],
  ["wildcard covers nothing too", leaf({ wildcard: "a*b" }), event("ab"), true],
  ["wildcard is anchored", leaf({ wildcard: "a*b" }), event("xab"), false],
  ["wildcard: a dot is a dot", leaf({ wildcard: "a.*" }), event("abc"), false],
  ["wildcard: an escaped star", leaf({ wildcard: "a\\*" }), event("ab"), false],
  ["wildcard: an escaped star, met", leaf({ wildcard: "a\\*" }), event("a*"), true],
  ["anything-but", leaf({ "anything-but": "a" }), event("b"), true],
  ["anything-but, met", leaf({ "anything-but": ["a", "b"] }), event("b"), false],
  ["anything-but needs the field", leaf({ "anything-but": "a" }), { detail: {} }, false],
  ["anything-but prefix", leaf({ "anything-but": { prefix: "us-" } }), event("eu-1"), true],
  [
    "anything-but prefix, met",
    leaf({ "anything-but": { prefix: ["x", "us-"] } }),
    event("us-1"),
    false,
  ],
  [
    "anything-but wildcard",
    leaf({ "anything-but": { wildcard: "*/lib/*" } }),
    event("a/lib/b"),
    false,
  ],
  ["numeric range", leaf({ numeric: [">", 0, "<=", 5] }), event(5), true],
  ["numeric range, outside", leaf({ numeric: [">", 0, "<=", 5] }), event(0), false],
  ["numeric of a text", leaf({ numeric: ["=", 1] }), event("1"), false],
  ["cidr", leaf({ cidr: "10.0.0.0/24" }), event("10.0.0.255"), true],
  ["cidr, outside", leaf({ cidr: "10.0.0.0/24" }), event("10.0.1.0"), false],
  ["cidr of IPv6", leaf({ cidr: "2001:db8::/32" }), event("2001:db8::1"), true],
  ["cidr of another family", leaf({ cidr: "0.0.0.0/0" }), event("2001:db8::1"), false],
  ["exists", leaf({ exists: true }), event("x"), true],
  ["exists with null", leaf({ exists: true }), event(null), true],
  ["exists works on leaves", leaf({ exists: true }), event({ a: 1 }), false],
  ["does not exist", leaf({ exists: false }), { detail: {} }, true],
  ["does not exist, nor its parent", leaf({ exists: false }), {}, true],
  ["exists after all", leaf({ exists: false }), event("AccessDenied"), false],
  ["$or", { $or: [{ source: ["a"] }, { detail: { v: [1] } }] }, event(1), true],
  ["$or, none", { $or: [{ source: ["a"] }, { detail: { v: [1] } }] }, event(2), false],
  ["$or beside another key", { a: [1], $or: [{ b: [1] }, { c: [1] }] }, { a: 2, b: 1 }, false],
  ["into a list of objects", { r: { t: ["x"] } }, { r: [{ t: "y" }, { t: "x" }] }, true],
  ["one element must hold all", { r: { t: ["x"], u: [1] } }, { r: [{ t: "x" }, { u: 1 }] }, false],
  ["an inherited name is not a field", { constructor: { name: ["Object"] } }, {}, false],
];

const refused: [name: string, pattern: unknown, message: RegExp][] = [
  ["an unknown operator", leaf({ contains: "x" }), /unsupported operator 'contains' at 'detail.v'/],
  ["an unknown operator below anything-but", leaf({ "anything-but": { like: "x" } }), /'like'/],
  ["a value outside a list", { source: "aws.iam" }, /'source' must be a list/],
  ["two operators in one", leaf({ prefix: "a", suffix: "b" }), /needs one operator/],
  ["a bad cidr", leaf({ cidr: "10.0.0.0" }), /'cidr' at 'detail.v' cannot take "10.0.0.0"/],
  ["a bad comparison", leaf({ numeric: ["!", 1] }), /'numeric'/],
  ["no object", [], /must be an object/],
  ["too long", { a: ["x".repeat(MAX_PATTERN_LENGTH)] }, /characters, EventBridge takes 2048/],
];

describe("eventMatcher", () => {
  for (const [name, pattern, given, expected] of cases) {
    it(`${expected ? "matches" : "does not match"}: ${name}`, () => {
      assert.equal(eventMatcher(JSON.stringify(pattern))(given), expected);
    });
  }
  for (const [name, pattern, message] of refused) {
    it(`refuses ${name}`, () => {
      assert.throws(() => eventMatcher(JSON.stringify(pattern)), message);
    });
  }
});
