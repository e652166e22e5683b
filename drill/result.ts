import { performance } from "node:perf_hooks";
import jmespath from "jmespath";
import type { Call } from "./account/account";
import { isRead } from "./caller";
import { type Depth, depthOf } from "./depth";
import type { Deployment, Execution, ExecutionResult } from "./program/deploy";
import type { Scenario } from "./scenario";

/** A call that the responder or the attacker made, as reports tell it. */
export interface ReportedCall {
  service: string;
  action: string;
  principal: string;
  /** When it was answered, in ms since the first event arrived; the attack itself is before 0. */
  at: number;
  by: "attacker" | "responder";
  /** The service that made the call in the principal's name. */
  via?: string;
  errorCode?: string;
}

/** One run of the state machine, as reports tell it. */
export interface ReportedExecution {
  id: string;
  /** What started it: an event of the attack, the responder's own call, or a second delivery. */
  cause: "attack" | "responder" | "repeat";
  /** In ms since the first event arrived. */
  startedAt: number;
  ms: number;
  status: ExecutionResult["status"] | "RUNNING";
  path: string[];
  states: { name: string; at: number; ms: number }[];
  invocations: ExecutionResult["invocations"];
  error?: string;
  reason?: string;
}

/** What became of a scenario. Times are in ms since the first event arrived. */
export interface ScenarioResult {
  name: string;
  file: string;
  passed: boolean;
  failures: string[];
  /** Those of the failures that are expectations which the account does not meet. */
  unmet?: string[];
  /** What people were told, as the topic got it. */
  messages?: { subject: string; body: string }[];
  /** One for each event of the attack. */
  decisions: string[];
  /** Until the first call that took the attacker's power away was answered; null: there was none. */
  firstCutMs: number | null;
  /** Until the last such call was answered. */
  containedMs: number | null;
  /** Until the last look of the attack's own executions found nothing left to do. */
  verifiedMs: number | null;
  /** Round trips, where something was taken. */
  depth?: Depth;
  calls: ReportedCall[];
  executions: ReportedExecution[];
  runtime?: Deployment["runtime"];
}

/** A call of the attacker or the responder, and when it was answered, as `performance.now()` tells. */
export interface MadeCall {
  call: Call;
  at: number;
  by: ReportedCall["by"];
  /** Made while the events came a second time. */
  repeated: boolean;
}

/** An execution that is watched until it ends. */
export interface Watched {
  execution: Execution;
  cause: ReportedExecution["cause"];
  startedAt: number;
  endedAt?: number;
  result?: ExecutionResult;
}

/** What was played of a scenario. */
export interface Played {
  scenario: Scenario;
  failures: string[];
  unmet: string[];
  decisions: string[];
  calls: MadeCall[];
  executions: Watched[];
  /** When the first event arrived. */
  arrival: number;
  runtime?: Deployment["runtime"];
}

/** What is told of a run. */
export function resultOf({ scenario, calls, executions, arrival, ...run }: Played): ScenarioResult {
  const since = (at: number) => Math.round((at - arrival) * 10) / 10;
  const cuts = calls.filter((each) => isCut(each) && !each.repeated).map(({ at }) => since(at));
  const attacked = executions.filter(({ cause }) => cause === "attack");
  const contained = attacked.filter(({ result }) => result?.status === "SUCCEEDED");
  const verified = contained.flatMap((each) => lastLook(each) ?? []).map(since);
  const depth = roundTrips(calls, attacked);
  return {
    name: scenario.name,
    file: scenario.file,
    passed: run.failures.length === 0,
    failures: run.failures,
    unmet: run.unmet,
    messages: messagesIn(calls),
    decisions: run.decisions,
    firstCutMs: cuts[0] ?? null,
    containedMs: cuts.at(-1) ?? null,
    verifiedMs: verified.length > 0 ? Math.max(...verified) : null,
    ...(depth && { depth }),
    calls: calls.map(({ call, at, by }) => ({
      service: call.service,
      action: call.action,
      principal: call.principal,
      at: since(at),
      by,
      ...(call.via && { via: call.via }),
      ...(call.errorCode && { errorCode: call.errorCode }),
    })),
    executions: executions.map((each) => reported(each, since)),
    ...(run.runtime && { runtime: run.runtime }),
  };
}

/** Round trips of the executions that the attack started; undefined where nothing was taken. */
export function roundTrips(all: MadeCall[], attacked: Watched[]): Depth | undefined {
  const invocations = attacked
    .flatMap(({ result }) => result?.invocations ?? [])
    .flatMap(({ span, ...one }) => (span ? [{ function: one.function, ...span }] : []));
  const made = all.filter(({ call, by, repeated }) => by === "responder" && !repeated && !call.via);
  const calls = made.map((each) => {
    const { principal, at: from, ms } = each.call;
    return { principal, from, to: from + ms, cut: isCut(each) };
  });
  return depthOf(invocations, calls);
}

/** The messages for people, as the topic got them. */
export function messagesIn(calls: MadeCall[]): { subject: string; body: string }[] {
  return calls.flatMap(({ call }) => messageOf(call));
}

/** The message for people that a call published; none where it published nothing. */
function messageOf({ service, action, params, errorCode }: Call) {
  if (service !== "sns" || action !== "Publish" || errorCode) return [];
  const message = String(params.Message ?? "");
  const body = params.MessageStructure === "json" ? JSON.parse(message).default : message;
  return [{ subject: String(params.Subject ?? ""), body: String(body) }];
}

/** What the classification in this execution decided. */
export function decisionOf({ result }: Watched): string {
  for (const { output } of result?.states ?? []) {
    const decision = jmespath.search(output ?? null, "CloudWatcherCore.decision");
    if (typeof decision === "string") return decision;
  }
  return "none";
}

/** When the last Verify state of an execution was left; undefined where there was none. */
function lastLook({ startedAt, result }: Watched): number | undefined {
  const start = result?.states[0]?.enteredAt;
  const last = result?.states.findLast(({ name }) => name.startsWith("Verify"));
  return start !== undefined && last ? startedAt + (last.leftAt - start) : undefined;
}

function reported(watched: Watched, since: (at: number) => number): ReportedExecution {
  const { execution, cause, startedAt, endedAt, result } = watched;
  const start = result?.states[0]?.enteredAt ?? 0;
  return {
    id: execution.id,
    cause,
    startedAt: since(startedAt),
    ms: Math.round((endedAt ?? performance.now()) - startedAt),
    status: result?.status ?? "RUNNING",
    path: result?.path ?? [],
    states: (result?.states ?? []).map(({ name, enteredAt, leftAt }) => ({
      name,
      at: since(startedAt + (enteredAt - start)),
      ms: Math.round((leftAt - enteredAt) * 10) / 10,
    })),
    invocations: result?.invocations ?? [],
    ...(result?.error && { error: result.error }),
    ...(result?.cause && { reason: result.cause }),
  };
}

/** What a responder changes without taking anything from the attacker. */
const NO_CUTS = ["iam:CreateAccessKey", "ec2:AuthorizeSecurityGroupIngress"];

/** Did this call take power away? A case, a message or a replacement key takes none. */
export function isCut({ call, by }: Pick<MadeCall, "call" | "by">): boolean {
  if (by !== "responder" || call.errorCode) return false;
  if (!changesAccount(call.service)) return false;
  return !isRead(call.action) && !NO_CUTS.includes(callName(call));
}

/** Cases, messages and secrets are no part of what is attacked. */
export function changesAccount(service: string): boolean {
  return service === "iam" || service === "ec2";
}

/** "iam:AttachUserPolicy". */
export function callName(call: Call): string {
  return `${call.service}:${call.action}`;
}
