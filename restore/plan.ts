import { forgetting } from "./acls";
import type { CaseFile } from "./caseFile";
import { userDrift } from "./drift";
import { type Context, type Item, type Kind, kinds } from "./item";
import { versionItems } from "./policies";
import type { Present } from "./present";
import { itemsOf } from "./readers";
import { ownOfAll } from "./recordsOwn";
import { type Taking, takingsOf } from "./taken";

/** One call that gives something back. */
export interface Step {
  /** "keys:bob:AKIA…": as the table shows it and `--only` names it. */
  item: string;
  kind: Kind;
  /** Whose it is: "bob", "group/devs", "sg-…". */
  subject: string;
  /** As IAM policies write it: "iam:AttachUserPolicy". */
  call: string;
  input: Record<string, unknown>;
  why: string;
}

/** What is not given back, and the command that replaces it, where there is one. */
export interface Left {
  item: string;
  why: string;
  command?: string;
}

/** Where the present differs from what the case had left. */
export interface Drift {
  item: string;
  what: string;
}

/** What a restore would do. */
export interface Plan {
  steps: Step[];
  /** Items that are as they were before. */
  there: string[];
  left: Left[];
  drift: Drift[];
  /** The drift that nobody has waved through: with steps to make, it stops the restore. */
  stops: Drift[];
}

/** What the operator asked for. */
export interface Wishes {
  /** Kinds and items; empty: everything. */
  only: string[];
  /** Give back in spite of drift. */
  force: boolean;
  /** The incident was none: what the record itself had given comes back too. */
  falseAlarm: boolean;
}

/**
 * What a restore of this case would do: pure, the case and the present state alone decide.
 *
 * Given back is what the case took (see `takingsOf`) and the state before the incident held.
 * What the record itself had given (its grant, its key, its rules) is the attack, and stays away.
 *
 * @param others cases of the same subjects: what their records had given stays away too.
 */
export function planRestore(
  file: CaseFile,
  present: Present,
  wishes: Wishes,
  others: CaseFile[] = [],
): Plan {
  const own = ownOfAll([file, ...others]);
  const context: Context = { file, present, own, falseAlarm: wishes.falseAlarm };
  const takings = takingsOf(file)
    .map((taking) => ({ action: taking.action, items: itemsTaken(context, taking) }))
    .filter(({ action, items }) => action.outcome === "done" || items.length > 0);
  const taken = takings.map(({ action }) => action);
  const items = distinct([
    ...versionItems(context, taken),
    ...takings.flatMap(({ items }) => items),
  ]);
  const wanted = items.filter((one) => isWanted(one, wishes));
  const steps = inOrder(
    [...wanted, ...forgetting(context, liftedIn(wanted))].flatMap((one) => stepsOf(one, wishes)),
  );
  const drift = [
    ...wanted.flatMap(({ item, drift = [] }) => drift.map((what) => ({ item, what }))),
    ...userDrift(context, taken, steps),
  ];
  const relevant = drift.filter((one) => isRelevant(one, steps, wishes));
  return {
    steps,
    there: wanted.filter(({ there }) => there).map(({ item }) => item),
    left: [...wanted.flatMap((one) => leftOf(one, wishes)), ...unmade(context)],
    drift: relevant,
    stops:
      steps.length === 0 || wishes.force
        ? []
        : relevant.filter(({ item }) => !wishes.only.includes(item)),
  };
}

/** What a doubtful call was to take and is there was not taken, or is back; else the reason says the doubt. */
function itemsTaken(context: Context, { action, doubt }: Taking): Item[] {
  const items = itemsOf(context, action);
  if (doubt === undefined) return items;
  const isGone = action.outcome === "gone";
  return items
    .filter(({ there }) => isGone || !there)
    .map((one) => ({ ...one, why: `${one.why}; ${doubt}` }));
}

/** The same thing may have been taken in several passes. */
function distinct(items: Item[]): Item[] {
  return items.filter(({ item }, index) => items.findIndex((one) => one.item === item) === index);
}

function inOrder(steps: Step[]): Step[] {
  return kinds.flatMap((kind) => steps.filter((step) => step.kind === kind));
}

function isWanted({ item, kind }: Pick<Item, "item" | "kind">, { only }: Wishes): boolean {
  return only.length === 0 || only.includes(kind) || only.includes(item);
}

/** Whoever lifts the deny has to know all that differs; other kinds concern themselves alone. */
function isRelevant({ item }: Drift, steps: Step[], { only }: Wishes): boolean {
  const [kind = "", subject] = item.split(":");
  if (isWanted({ item, kind: kind as Kind }, { only } as Wishes)) return true;
  return steps.some(
    (step) => (step.kind === "deny" || step.kind === "boundary") && step.subject === subject,
  );
}

function isHeld({ item, kind, held }: Item, { only, falseAlarm }: Wishes): boolean {
  if (!held) return false;
  if (held.by === "attack") return !falseAlarm;
  return !only.includes(item) && !(held.by === "kind" && only.includes(kind));
}

/** The network ACLs that no block of the case is left on, once the items' calls are made. */
function liftedIn(items: Item[]): string[] {
  return items
    .filter(({ kind, calls }) => kind === "network-acls" && calls)
    .map(({ subject }) => subject);
}

function stepsOf(one: Item, wishes: Wishes): Step[] {
  const { item, kind, subject, call, input, why } = one;
  if (one.there || isHeld(one, wishes)) return [];
  const calls = one.calls ?? (call && input ? [{ call, input, why }] : []);
  return calls.map((each) => ({ item, kind, subject, ...each }));
}

/** What a restore does to things that the case put there. */
const TAKEN: Partial<Record<Kind, string>> = {
  deny: "takes it off",
  replacements: "takes it away",
};

function leftOf(one: Item, wishes: Wishes): Left[] {
  const { item, kind, there, held, why, command } = one;
  const call = one.call ?? one.calls?.[0]?.call;
  if (there) return [];
  if (held && isHeld(one, wishes)) {
    const way = held.by === "attack" ? "--false-alarm" : `--only ${item}`;
    const does = TAKEN[kind] ?? "gives it back";
    return [{ item, why: call ? `${held.why} (${way} ${does})` : held.why }];
  }
  return call ? [] : [{ item, why, ...(command && { command }) }];
}

/** What the record itself took or changed, and no action of the case did. */
function unmade({ file: { incident } }: Context): Left[] {
  const { name } = incident.event;
  if (
    !/^(Detach|Delete|Remove|Update(User|Group)$|PutUserPermissionsBoundary|ModifySecurityGroupRules)/.test(
      name,
    )
  ) {
    return [];
  }
  const why = `the record's own call, ${name}, is not undone: the case does not know what was before it`;
  return [{ item: `record:${name}`, why }];
}
