import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import jmespath from "jmespath";
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { type CallSpec, parseCall, type Service } from "./caller";
import type { Depth } from "./depth";

/**
 * When a step of the attack comes: first, between the responder's look and its first cut (which
 * arrives, and waits for the step), after the first cut, after each cut anew, or while executions
 * wait for a lift.
 *
 * Of a step that comes after each cut no event is delivered: CloudTrail takes minutes, and by then
 * the scenario is over.
 */
export type When = "start" | "before-cut" | "first-cut" | "each-cut" | "blocked";

/** A call of a scenario: who makes it, and what becomes of its response. */
export interface ScenarioCall extends CallSpec {
  kind: "call";
  /** A login made by an earlier call, or `owner`. */
  as: string;
  /** The key or session in the response becomes the principal of this name. */
  login?: string;
  /** name → JMESPath into the response. */
  save: Record<string, string>;
  when: When;
  mayFail: boolean;
}

/** An event that is delivered as it is: a bare CloudTrail record or a whole EventBridge event. */
export interface ScenarioEvent {
  kind: "event";
  event: Record<string, unknown>;
  /** No event: the input that a person hands to the state machine himself. */
  start?: true;
  when: When;
}

/** The owner's look at the account, and what it has to find. */
export interface StateExpectation extends CallSpec {
  /** JMESPath into the response; without it the whole response is meant. */
  get?: string;
  want: { is: unknown } | { contains: unknown } | { lacks: unknown } | { absent: true };
}

/** Calls of a principal that must be refused, or must work. */
export interface CallExpectation extends CallSpec {
  as: string;
}

/** Calls that fail before they reach the account, `times` times with the error `code`. */
export interface Fault {
  service: string;
  action: string;
  times: number;
  /** So many of them go through first. Absent: none. */
  after?: number;
  code: string;
  /** Absent: 400. */
  status?: number;
  /** No error but status 200 and a page that is no answer; or none, or one that is lost on its way. */
  answer?: "malformed" | "none" | "lost";
  /** Only the calls of this role or user. */
  by?: string;
}

/** One attack: what the account looks like, what the attacker does, what must be true after. */
export interface Scenario {
  name: string;
  /** The file it was read from. */
  file: string;
  settings: Record<string, unknown>;
  /** Instead of exemptions.yaml; absent: that file is read. */
  exemptions?: unknown[];
  given: ScenarioCall[];
  attack: (ScenarioCall | ScenarioEvent)[];
  faults: Fault[];
  /** Deliver every event once more after everything has settled; nothing may change. */
  repeat: boolean;
  /** Afterwards the executions that wait for a lift go on, one after the other. */
  lift: boolean;
  /** Afterwards what runs by the clock runs once. */
  tick: boolean;
  /** From the attack on, a change in IAM decides authorizations this many ms after its answer. */
  iamDelayMs: number;
  /** CloudTrail's event history shows a call this many ms after its answer. */
  trailDelayMs: number;
  /** From the attack on, every answer is held back this many ms. */
  answerDelayMs: number;
  /** How many times faster a Lambda's timers and its time limit run. */
  lambdaClock?: number;
  expect: {
    decisions?: string[];
    state: StateExpectation[];
    denied: CallExpectation[];
    allowed: CallExpectation[];
    /**
     * Texts that one of the messages for people has, each in its subject or its body. Empty: nobody
     * hears of anything.
     */
    messages?: string[];
    /** Where the executions end: all in `EndState`, or at least one in `Failed`. */
    ends: "EndState" | "Failed";
    /** At most so many calls wait for each other; see `depth.ts`. */
    roundTrips?: Depth;
  };
}

/** Names that every scenario may use in `${name}`, besides those it saves. */
export const GIVEN_NAMES = ["vpc", "subnet", "account", "region"];

/** What was wrong with a scenario file: one line a mistake, `file:line:column key: sentence`. */
export class ScenarioFileError extends Error {
  override readonly name = "ScenarioFileError";
  readonly file: string;
  readonly mistakes: string[];

  constructor(file: string, mistakes: string[]) {
    super(mistakes.join("\n"));
    this.file = file;
    this.mistakes = mistakes;
  }
}

/**
 * The scenario files that files and folders name: each file itself, of a folder every .yaml and
 * .yml below it, by name.
 *
 * @throws where a path is not there, or a folder holds no scenario.
 */
export function scenarioFiles(paths: string[]): string[] {
  const files = paths.flatMap((each) => {
    const found = statSync(each, { throwIfNoEntry: false });
    if (!found) throw new Error(`no scenario at "${each}": there is no such file or folder`);
    if (!found.isDirectory()) return [each];
    const inside = readdirSync(each, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.ya?ml$/.test(name))
      .sort()
      .map((name) => path.join(each, name));
    if (inside.length === 0) throw new Error(`no scenario in "${each}": it holds no .yaml file`);
    return inside;
  });
  return [...new Set(files)];
}

/**
 * Reads one scenario file.
 *
 * @throws ScenarioFileError with every mistake in it, each with line, column and key.
 */
export function loadScenario(file: string): Scenario {
  return readScenario(file, readFileSync(file, "utf8"));
}

/** Reads the text of a scenario; `file` names it in errors and locates the events it refers to. */
export function readScenario(file: string, text: string): Scenario {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    const mistakes = document.errors.map((error) => {
      const { line, col } = lines.linePos(error.pos[0]);
      return `${file}:${line}:${col} ${error.message.split(/ at line |:?\n/)[0]}`;
    });
    throw new ScenarioFileError(file, mistakes);
  }
  const reading = new Reading(file);
  const scenario = reading.scenario(document.toJS());
  if (reading.mistakes.length > 0) {
    const placed = reading.mistakes.map((each) => ({ ...each, at: offsetOf(document, each.key) }));
    const mistakes = placed
      .sort((one, other) => one.at - other.at)
      .map(({ key, sentence, at }) => {
        const { line, col } = lines.linePos(at);
        return `${file}:${line}:${col} ${key.length > 0 ? `${keyText(key)}: ` : ""}${sentence}`;
      });
    throw new ScenarioFileError(file, mistakes);
  }
  return scenario;
}

type Key = (string | number)[];
type Fields = Record<string, unknown>;

/** `["expect", "state", 0, "get"]` → `expect.state[0].get`. */
function keyText(key: Key): string {
  return key
    .map((part, i) => (typeof part === "number" ? `[${part}]` : i ? `.${part}` : part))
    .join("");
}

/** Where a key stands in the text; of a key that is missing, where its parent stands. */
function offsetOf(document: Document, key: Key): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const part of key) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((each) => isScalar(each.key) && each.key.value === part);
      if (!pair || !isScalar(pair.key)) return offset;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[part as number] as { range?: [number, number, number] } | undefined;
      offset = item?.range?.[0] ?? offset;
      node = item;
    }
  }
  return offset;
}

const TOP_KEYS = [
  "name",
  "settings",
  "exemptions",
  "given",
  "attack",
  "faults",
  "repeat",
  "lift",
  "tick",
  "iamDelayMs",
  "trailDelayMs",
  "answerDelayMs",
  "lambdaClock",
  "expect",
];
const CALL_KEYS = ["call", "as", "input", "login", "save", "when", "mayFail"];
const WHENS = ["start", "before-cut", "first-cut", "each-cut", "blocked"] as const;
const WANTS = ["is", "contains", "lacks", "absent"];

/** Reads the keys of one file and collects what is wrong with them, so that one run shows it all. */
class Reading {
  readonly mistakes: { key: Key; sentence: string }[] = [];
  readonly #file: string;
  readonly #names = new Set(GIVEN_NAMES);
  readonly #logins = new Set(["owner"]);

  constructor(file: string) {
    this.#file = file;
  }

  scenario(value: unknown): Scenario {
    const top = this.#record(value, [], TOP_KEYS, ["name", "attack", "expect"]);
    const given = this.#list(top.given, ["given"], (step, key) => this.#call(step, key, "given"));
    const attack = this.#list(top.attack, ["attack"], (step, key) => this.#step(step, key));
    const exemptions = top.exemptions as unknown[] | undefined;
    if (exemptions !== undefined) this.#list(exemptions, ["exemptions"], () => undefined);
    this.#checkNames(exemptions, ["exemptions"]);
    return {
      name: this.#text(top.name, ["name"]),
      file: this.#file,
      settings: this.#record(top.settings ?? {}, ["settings"]),
      ...(exemptions && { exemptions }),
      given,
      attack,
      faults: this.#list(top.faults, ["faults"], (fault, key) => this.#fault(fault, key)),
      repeat: this.#flag(top.repeat, ["repeat"]),
      lift: this.#flag(top.lift, ["lift"]),
      tick: this.#flag(top.tick, ["tick"]),
      iamDelayMs: this.#wholeNumber(top.iamDelayMs ?? 0, ["iamDelayMs"], 0),
      trailDelayMs: this.#wholeNumber(top.trailDelayMs ?? 0, ["trailDelayMs"], 0),
      answerDelayMs: this.#wholeNumber(top.answerDelayMs ?? 0, ["answerDelayMs"], 0),
      ...(top.lambdaClock !== undefined && {
        lambdaClock: this.#wholeNumber(top.lambdaClock, ["lambdaClock"], 1),
      }),
      expect: this.#expect(top.expect ?? {}, ["expect"]),
    };
  }

  #expect(value: unknown, key: Key): Scenario["expect"] {
    const fields = this.#record(value, key, [
      "decisions",
      "state",
      "denied",
      "allowed",
      "messages",
      "ends",
      "roundTrips",
    ]);
    const calls = (name: "denied" | "allowed") =>
      this.#list(fields[name], [...key, name], (each, at) => this.#callExpectation(each, at));
    return {
      ...(fields.decisions !== undefined && {
        decisions: this.#list(fields.decisions, [...key, "decisions"], (each, at) =>
          this.#text(each, at),
        ),
      }),
      state: this.#list(fields.state, [...key, "state"], (each, at) => this.#state(each, at)),
      denied: calls("denied"),
      allowed: calls("allowed"),
      ...(fields.messages !== undefined && {
        messages: this.#list(fields.messages, [...key, "messages"], (each, at) => {
          this.#checkNames(each, at);
          return this.#text(each, at);
        }),
      }),
      ends: this.#choice(fields.ends, [...key, "ends"], ["EndState", "Failed"] as const),
      ...(fields.roundTrips !== undefined && {
        roundTrips: this.#roundTrips(fields.roundTrips, [...key, "roundTrips"]),
      }),
    };
  }

  #roundTrips(value: unknown, key: Key): Depth {
    const names = ["firstCut", "containment"];
    const fields = this.#record(value, key, names, names);
    const { firstCut, containment } = fields;
    return {
      firstCut: this.#wholeNumber(firstCut, [...key, "firstCut"], 1),
      containment: this.#wholeNumber(containment, [...key, "containment"], 1),
    };
  }

  #step(value: unknown, key: Key): ScenarioCall | ScenarioEvent {
    if (typeof value === "object" && value !== null && "event" in value) {
      const fields = this.#record(value, key, ["event", "when"]);
      const event = this.#event(fields.event, [...key, "event"]);
      return { kind: "event", event, when: this.#whenOnce(fields.when, key) };
    }
    if (typeof value === "object" && value !== null && "start" in value) {
      const fields = this.#record(value, key, ["start", "when"]);
      const event = this.#record(fields.start, [...key, "start"]);
      this.#checkNames(event, [...key, "start"]);
      return { kind: "event", event, start: true, when: this.#whenOnce(fields.when, key) };
    }
    return this.#call(value, key, "attack");
  }

  #event(value: unknown, key: Key): Record<string, unknown> {
    if (typeof value !== "string") {
      this.#checkNames(value, key);
      return this.#record(value, key);
    }
    const file = path.resolve(path.dirname(this.#file), value);
    try {
      return this.#record(JSON.parse(readFileSync(file, "utf8")), key);
    } catch (error) {
      this.#wrong(key, `"${value}" cannot be read as JSON: ${(error as Error).message}`);
      return {};
    }
  }

  #call(value: unknown, key: Key, part: "given" | "attack"): ScenarioCall {
    const fields = this.#record(value, key, CALL_KEYS, ["call"]);
    const spec = this.#callSpec(fields, key);
    const as = this.#as(fields.as, [...key, "as"]);
    const save = this.#record(fields.save ?? {}, [...key, "save"]) as Record<string, string>;
    for (const [name, expression] of Object.entries(save)) {
      this.#jmespath(expression, [...key, "save", name]);
      this.#names.add(name);
    }
    const login =
      fields.login === undefined ? undefined : this.#text(fields.login, [...key, "login"]);
    if (login) this.#logins.add(login);
    const when = this.#when(fields.when, key);
    if (part === "given" && when !== "start") {
      this.#wrong([...key, "when"], "what is given comes before the attack; it has no `when`");
    }
    const mayFail = this.#flag(fields.mayFail, [...key, "mayFail"]);
    return { kind: "call", ...spec, as, ...(login && { login }), save, when, mayFail };
  }

  #state(value: unknown, key: Key): StateExpectation {
    const fields = this.#record(value, key, ["call", "input", "get", ...WANTS], ["call"]);
    const wants = WANTS.filter((name) => name in fields);
    const [want = "is"] = wants;
    if (wants.length !== 1) {
      this.#wrong(
        key,
        `exactly one of ${WANTS.join(", ")} is needed, got ${wants.join(", ") || "none"}`,
      );
    }
    if (want === "absent" && fields.absent !== true) {
      this.#wrong([...key, "absent"], "can only be true; leave it out otherwise");
    }
    if (fields.get !== undefined) this.#jmespath(fields.get, [...key, "get"]);
    this.#checkNames(fields[want], [...key, want]);
    return {
      ...this.#callSpec(fields, key),
      ...(fields.get !== undefined && { get: fields.get as string }),
      want: { [want]: fields[want] } as StateExpectation["want"],
    };
  }

  #callExpectation(value: unknown, key: Key): CallExpectation {
    const fields = this.#record(value, key, ["call", "as", "input"], ["call"]);
    return { ...this.#callSpec(fields, key), as: this.#as(fields.as, [...key, "as"]) };
  }

  #fault(value: unknown, key: Key): Fault {
    const known = ["call", "times", "after", "code", "status", "answer", "by"];
    const fields = this.#record(value, key, known, ["call"]);
    const { service, action } = this.#callSpec(fields, key);
    const { code = "Throttling", after, status, answer, by } = fields;
    const times = this.#wholeNumber(fields.times ?? 1, [...key, "times"], 1);
    const answers = ["malformed", "none", "lost"] as const;
    return {
      service,
      action,
      times,
      ...(after !== undefined && { after: this.#wholeNumber(after, [...key, "after"], 0) }),
      code: this.#text(code, [...key, "code"]),
      ...(status !== undefined && { status: this.#wholeNumber(status, [...key, "status"], 400) }),
      ...(answer !== undefined && { answer: this.#choice(answer, [...key, "answer"], answers) }),
      ...(by !== undefined && { by: this.#text(by, [...key, "by"]) }),
    };
  }

  #callSpec(fields: Fields, key: Key): CallSpec {
    const input = this.#record(fields.input ?? {}, [...key, "input"]);
    this.#checkNames(input, [...key, "input"]);
    const unread = { service: "iam" as Service, action: "", input };
    if (fields.call === undefined) return unread;
    const call = parseCall(this.#text(fields.call, [...key, "call"]));
    if (typeof call !== "string") return { ...call, input };
    this.#wrong([...key, "call"], call);
    return unread;
  }

  #as(value: unknown, key: Key): string {
    if (value === undefined) return "owner";
    const as = this.#text(value, key);
    if (!this.#logins.has(as)) {
      const known = [...this.#logins].join(", ");
      this.#wrong(key, `no earlier call logs in as "${as}"; known here: ${known}`);
    }
    return as;
  }

  #when(value: unknown, key: Key): When {
    return this.#choice(value, [...key, "when"], WHENS);
  }

  #whenOnce(value: unknown, key: Key): When {
    const when = this.#when(value, key);
    if (when === "each-cut") this.#wrong([...key, "when"], "only a call can come after each cut");
    return when;
  }

  #jmespath(value: unknown, key: Key): void {
    const expression = this.#text(value, key);
    this.#checkNames(expression, key);
    try {
      compileJmespath(expression.replace(PLACEHOLDER, "x"));
    } catch (error) {
      this.#wrong(key, `"${expression}" is not JMESPath: ${(error as Error).message}`);
    }
  }

  /** Every `${name}` in a value has to be one that an earlier call saved. */
  #checkNames(value: unknown, key: Key): void {
    if (typeof value === "string") {
      for (const [, name = ""] of value.matchAll(PLACEHOLDER)) {
        if (this.#names.has(name)) continue;
        const known = [...this.#names].join(", ");
        this.#wrong(key, `no earlier call saves "${name}"; known here: ${known}`);
      }
    } else if (typeof value === "object" && value !== null) {
      for (const [name, each] of Object.entries(value)) {
        this.#checkNames(each, [...key, Array.isArray(value) ? Number(name) : name]);
      }
    }
  }

  #record(value: unknown, key: Key, allowed?: string[], required: string[] = []): Fields {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#wrong(key, `a map of keys is needed, got ${JSON.stringify(value)}`);
      return {};
    }
    for (const name of allowed ? Object.keys(value) : []) {
      if (allowed?.includes(name)) continue;
      this.#wrong([...key, name], `no such key; known here: ${allowed?.join(", ")}`);
    }
    for (const name of required) {
      if (!(name in value)) this.#wrong([...key, name], "is missing");
    }
    return value as Fields;
  }

  #list<T>(value: unknown, key: Key, read: (each: unknown, key: Key) => T): T[] {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value.map((each, index) => read(each, [...key, index]));
    this.#wrong(key, `a list is needed, got ${JSON.stringify(value)}`);
    return [];
  }

  #text(value: unknown, key: Key): string {
    if (typeof value === "string" && value !== "") return value;
    // A key that is missing altogether has been told of already.
    if (value !== undefined) this.#wrong(key, `a text is needed, got ${JSON.stringify(value)}`);
    return "";
  }

  #wholeNumber(value: unknown, key: Key, from: number): number {
    if (!Number.isInteger(value) || (value as number) < from) {
      this.#wrong(key, `a whole number from ${from} is needed, got ${JSON.stringify(value)}`);
    }
    return value as number;
  }

  #flag(value: unknown, key: Key): boolean {
    if (value !== undefined && typeof value !== "boolean") {
      this.#wrong(key, `true or false is needed, got ${JSON.stringify(value)}`);
    }
    return value === true;
  }

  /** One of the choices; the first where nothing is said. */
  #choice<T extends string>(value: unknown, key: Key, choices: readonly [T, ...T[]]): T {
    if (value === undefined) return choices[0];
    if (choices.includes(value as T)) return value as T;
    this.#wrong(key, `${choices.join(" or ")} is needed, got ${JSON.stringify(value)}`);
    return choices[0];
  }

  #wrong(key: Key, sentence: string): void {
    this.mistakes.push({ key, sentence });
  }
}

/** jmespath's parser, which its types leave out. */
const compileJmespath = (jmespath as unknown as { compile(expression: string): unknown }).compile;

/** `${name}`. IAM's own policy variables have a colon in them (`${aws:username}`): left alone. */
const PLACEHOLDER = /\$\{([\w-]+)\}/g;

/**
 * A copy of a value in which every `${name}` is what was saved under the name. A text that is
 * nothing but `${name}` becomes the saved value itself, a list too.
 */
export function substitute<T>(value: T, names: Record<string, unknown>): T {
  return replaced(value, names) as T;
}

function replaced(value: unknown, names: Record<string, unknown>): unknown {
  if (typeof value === "string") {
    const whole = /^\$\{([\w-]+)\}$/.exec(value)?.[1];
    if (whole !== undefined && Object.hasOwn(names, whole)) return names[whole];
    return value.replace(PLACEHOLDER, (text, name: string) =>
      Object.hasOwn(names, name) ? String(names[name]) : text,
    );
  }
  if (Array.isArray(value)) return value.map((each) => replaced(each, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, replaced(each, names)]),
  );
}
