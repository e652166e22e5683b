import { isRead } from "../drill/caller";
import type { ScenarioResult } from "../drill/result";
import type { Scenario } from "../drill/scenario";
import { judge, type Verdict } from "./judge";
import { FOR_GOOD, type Kind, kinds } from "./kinds";

/** A call of a responder, in the scenario in which it was first seen. */
export interface Target {
  scenario: Scenario;
  /** The role that makes it. */
  by: string;
  /** The other roles whose call fails with it: what lasts fails for every function alike. */
  also?: string[];
  service: string;
  action: string;
}

/** One call, made to fail in one way. */
export interface Trial {
  target: Target;
  kind: Kind;
}

/** What came of a trial. */
export interface Outcome extends Verdict {
  /** The function, without the stack's prefix: "StripAccount". */
  role: string;
  /** "iam:ListAccessKeys". */
  call: string;
  kind: string;
  scenario: string;
}

/** Runs a scenario in an account of its own. */
export type Run = (scenario: Scenario) => Promise<ScenarioResult>;

/**
 * A call without an answer costs a function nine seconds, in pass after pass; five times faster, a
 * client still waits 600 ms, ten times as long as the stand-in's slowest answer.
 */
const LAMBDA_CLOCK = 5;

/**
 * Every call that the responders make in the scenarios, each once for each role that makes it:
 * what a function does with a failure does not depend on who asked for it.
 *
 * @throws where a scenario does not pass without a fault.
 */
export async function targetsOf(scenarios: Scenario[], run: Run): Promise<Target[]> {
  const results = await Promise.all(scenarios.map(run));
  const targets = results.flatMap((result, index): Target[] => {
    if (!result.passed) throw new Error(`${result.name} fails without a fault: ${result.failures}`);
    const scenario = scenarios[index] as Scenario;
    return (
      result.calls
        // What a service calls in a role's name is a part of the call to that service.
        .filter((call) => call.by === "responder" && !call.via)
        .map(({ principal, service, action }) => ({ scenario, by: principal, service, action }))
    );
  });
  const first = new Map<string, Target>();
  for (const target of targets) {
    const key = keyOf(target);
    if (!first.has(key)) first.set(key, target);
  }
  const single = [...first.values()].sort(byRank);
  return [...forEvery(single), ...single];
}

/** The calls that several functions make, to fail in all of them. */
function forEvery(single: Target[]): Target[] {
  return single.flatMap((target, place) => {
    const same = ({ service, action }: Target) =>
      service === target.service && action === target.action;
    const also = single.filter((one) => one !== target && same(one)).map(({ by }) => by);
    return also.length > 0 && single.findIndex(same) === place ? [{ ...target, also }] : [];
  });
}

function keyOf(target: Target): string {
  return `${functionOf(target)} ${target.service}:${target.action}`;
}

/** Whose call fails, as the table has it. */
export function functionOf({ by, also }: Target): string {
  return also ? "every function" : roleOf(by);
}

/** Can this kind befall the call? Once is once for one function only. */
export function befalls(kind: Kind, target: Target): boolean {
  const fault = kind.fault(target);
  return fault !== undefined && (!target.also || fault.times === FOR_GOOD);
}

/** Where containment hangs on a call comes first: a sweep that runs out of time has had those. */
const ROLES = ["EmergencyAction", "Strip", "Verify", "RecordCase", "Report"];

function byRank(one: Target, other: Target): number {
  return rankOf(one) - rankOf(other);
}

function rankOf({ by, action }: Target): number {
  return ROLES.findIndex((role) => roleOf(by).startsWith(role)) * 2 + (isRead(action) ? 1 : 0);
}

/** The function behind a role, without the stack's prefix. */
export function roleOf(principal: string): string {
  return principal.split("-").at(-1) ?? principal;
}

/**
 * Each target by each kind that its service has, in rounds: in each round every call fails once, and
 * the kinds take turns, so that a sweep that runs out of time has tried some of everything.
 */
export function trialsOf(targets: Target[], only?: string): Trial[] {
  const wanted = targets.filter((one) => only === undefined || keyOf(one).includes(only));
  return kinds.flatMap((_, round) =>
    wanted.flatMap((target, place) => {
      const kind = kinds[(place + round) % kinds.length] as Kind;
      return befalls(kind, target) ? [{ target, kind }] : [];
    }),
  );
}

/** Runs the scenario of a trial with its call made to fail, and judges what came of it. */
export async function attempt({ target, kind }: Trial, run: Run): Promise<Outcome> {
  const { scenario, by, service, action } = target;
  const fault = kind.fault(target);
  if (!fault) throw new Error(`${service} has no error for "${kind.name}"`);
  const result = await run({
    ...scenario,
    name: `${scenario.name}, ${service}:${action} ${kind.name}`,
    faults: [
      ...scenario.faults,
      ...[by, ...(target.also ?? [])].map((one) => ({ ...fault, service, action, by: one })),
    ],
    lambdaClock: LAMBDA_CLOCK,
  });
  const verdict = judge(result, scenario.expect);
  const call = `${service}:${action}`;
  return { role: functionOf(target), call, kind: kind.name, scenario: scenario.name, ...verdict };
}
