import { MOST_ROUNDS, QUIET_LOOKS } from "../functions/case";

import type { CaseWrite } from "../functions/RecordCase";

/** The Lambdas that the machine runs, by name; some only where a setting asks for them. */
export type FunctionName =
  | "CloudWatcherCore"
  | "EmergencyActionAccount"
  | "StripAccount"
  | "VerifyAccount"
  | "EmergencyActionInfrastructure"
  | "EmergencyActionApplication"
  | "BreakSessions"
  | "LiftSessionBlock"
  | "RecordCase"
  | "Report";

type Optional = "EmergencyActionApplication" | "BreakSessions" | "LiftSessionBlock";

/** ARNs of the functions; without an optional one the machine has no states that call it. */
export type FunctionArns = Record<Exclude<FunctionName, Optional>, string> & {
  [Name in Optional]?: string;
};

interface Retrier {
  ErrorEquals: string[];
  IntervalSeconds: number;
  MaxAttempts: number;
  BackoffRate: number;
  MaxDelaySeconds: number;
  JitterStrategy: "FULL";
}

interface Catcher {
  ErrorEquals: string[];
  /** Absent: the error replaces the state. */
  ResultPath?: string;
  Next: string;
}

interface Task {
  Type: "Task";
  Resource: string;
  Comment?: string;
  Parameters?: Record<string, unknown>;
  ResultSelector?: Record<string, unknown>;
  /** Absent: the result replaces the state. */
  ResultPath?: string;
  TimeoutSeconds: number;
  Retry: Retrier[];
  Catch: Catcher[];
  Next: string;
}

interface Rule {
  Variable: string;
  IsPresent?: true;
  StringEquals?: string;
  NumericGreaterThanEquals?: number;
  NumericLessThan?: number;
}

interface Choice {
  Type: "Choice";
  Comment?: string;
  Choices: ((Rule | { And: (Rule | { Or: Rule[] })[] } | { Or: Rule[] }) & { Next: string })[];
  Default: string;
}

type State =
  | Task
  | Choice
  | { Type: "Wait"; Comment?: string; Seconds?: number; TimestampPath?: string; Next: string }
  | { Type: "Pass"; Parameters: Record<string, unknown>; ResultPath: string; Next: string }
  | { Type: "Succeed" }
  | { Type: "Fail"; Error?: string; Cause?: string };

/** A state machine in the Amazon States Language. */
export interface Definition {
  Comment: string;
  StartAt: string;
  TimeoutSeconds: number;
  States: Record<string, State>;
}

/** How long IAM and EC2 get to settle before a look is believed. */
const SETTLE_SECONDS = 10;

/** Containing, with all its looks and retries, has to be done by then. */
const CONTAIN_SECONDS = 1800;

/**
 * One state is retried for about half a minute: long enough for a throttled burst, short enough
 * that a person hears of it. Every pass converges, so a second try is harmless.
 */
const RETRY: Retrier = {
  ErrorEquals: ["States.ALL"],
  IntervalSeconds: 1,
  MaxAttempts: 5,
  BackoffRate: 2,
  MaxDelaySeconds: 15,
  JitterStrategy: "FULL",
};

/**
 * The way of an event, from the record to the report.
 *
 * Functions are called by their ARN and not through `lambda:invoke`: that would wrap the event, and
 * an event as large as EventBridge allows would then exceed the 256 KB of a state. After
 * `IngestionAction` the state holds the incident alone.
 * Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 *
 * Network ACLs that `BreakSessions` has blocked keep the execution: it waits and lifts the block.
 */
export function definition(
  arns: FunctionArns,
  { sessionBlockMinutes }: { sessionBlockMinutes: number },
): Definition {
  const { EmergencyActionApplication: application, BreakSessions, LiftSessionBlock } = arns;
  const first = { "incident.$": "$.CloudWatcherCore", "caseId.$": "$$.Execution.Name" };
  const next = { ...first, "case.$": "$.case" };

  const pass = (Resource: string, Parameters: Record<string, unknown>, Next: string): Task => ({
    ...task(Resource, Next),
    Parameters,
    ResultPath: "$.case",
  });
  const decision = (name: string, Next: string) => ({
    Variable: "$.CloudWatcherCore.decision",
    StringEquals: name,
    Next,
  });
  const present = (Variable: string) => ({ Variable, IsPresent: true as const });
  // Each write leaves its own word, so that the report knows what the bucket has: a case that cannot
  // be written does not stop the containment, and an earlier version of it stays where it is.
  const written = (name: CaseWrite, Next: string): Task => ({
    ...task(arns.RecordCase, Next),
    Parameters: { "incident.$": "$.CloudWatcherCore", "case.$": "$.case" },
    ResultPath: `$.recorded.${name}`,
    Catch: [{ ErrorEquals: ["States.ALL"], ResultPath: `$.recorded.${name}`, Next }],
  });

  return {
    Comment: "Contains what a dangerous API call has opened",
    StartAt: "IngestionAction",
    TimeoutSeconds: CONTAIN_SECONDS + (LiftSessionBlock ? sessionBlockMinutes * 60 : 0),
    States: {
      IngestionAction: {
        ...task(arns.CloudWatcherCore, "IngestionType"),
        ResultSelector: { "CloudWatcherCore.$": "$" },
        // The event leaves the state here too: with an error beside it, it might exceed the limit.
        Catch: [{ ErrorEquals: ["States.ALL"], Next: "Failed" }],
      },
      IngestionType: {
        Type: "Choice",
        Choices: [
          decision("EmergencyActionAccount", "EmergencyActionAccount"),
          ...(application
            ? [decision("EmergencyActionApplication", "EmergencyActionApplication")]
            : []),
          decision("EmergencyActionInfrastructure", "EmergencyActionInfrastructure"),
        ],
        Default: "Ignore",
      },
      Ignore: {
        Type: "Choice",
        Choices: [{ ...present("$.CloudWatcherCore.alert"), Next: "Report" }],
        Default: "EndState",
      },

      EmergencyActionAccount: pass(arns.EmergencyActionAccount, first, "AnythingDone"),
      ...(application && {
        EmergencyActionApplication: pass(application, first, "AnythingDone"),
      }),
      EmergencyActionInfrastructure: pass(
        arns.EmergencyActionInfrastructure,
        first,
        "AnythingDone",
      ),

      AnythingDone: {
        Type: "Choice",
        Comment: "A look that finds nothing changes nothing, and ends here",
        Choices: [
          { Or: [present("$.case.subjects[0]"), present("$.case.open[0]")], Next: "RecordCase" },
          {
            Or: [present("$.case.alerts[0]"), present("$.CloudWatcherCore.alert")],
            Next: "Report",
          },
        ],
        Default: "EndState",
      },
      RecordCase: written("RecordCase", "WhatIsLeft"),
      WhatIsLeft: {
        Type: "Choice",
        Choices: [
          decision("EmergencyActionAccount", "StripAccount"),
          ...(BreakSessions ? [decision("EmergencyActionInfrastructure", "BreakSessions")] : []),
          { Variable: "$.case.mode", StringEquals: "observe", Next: "CloseCase" },
        ],
        Default: "Settle",
      },
      StripAccount: pass(arns.StripAccount, next, "AnythingChanged"),
      ...(BreakSessions && {
        BreakSessions: {
          ...pass(BreakSessions, next, "AnythingChanged"),
          // The line is closed, and has to be looked at again in any case; the failure comes after.
          Catch: [{ ErrorEquals: ["States.ALL"], ResultPath: "$.error", Next: "AnythingChanged" }],
        },
      }),
      AnythingChanged: {
        Type: "Choice",
        Comment: "Nothing was changed by observing, so there is nothing to look at again",
        Choices: [{ Variable: "$.case.mode", StringEquals: "observe", Next: "CloseCase" }],
        Default: "Settle",
      },
      Settle: { Type: "Wait", Seconds: SETTLE_SECONDS, Next: "LookAgain" },
      LookAgain: {
        Type: "Choice",
        Choices: [
          ...(application ? [decision("EmergencyActionApplication", "VerifyApplication")] : []),
          decision("EmergencyActionInfrastructure", "VerifyInfrastructure"),
        ],
        Default: "VerifyAccount",
      },
      VerifyAccount: pass(arns.VerifyAccount, next, "Contained"),
      ...(application && { VerifyApplication: pass(application, next, "Contained") }),
      VerifyInfrastructure: pass(arns.EmergencyActionInfrastructure, next, "Contained"),
      Contained: {
        Type: "Choice",
        Choices: [
          {
            And: [
              { Or: [present("$.case.open[0]"), present("$.case.unblocked[0]")] },
              { Variable: "$.case.round", NumericGreaterThanEquals: MOST_ROUNDS },
            ],
            Next: "StillOpen",
          },
          {
            Or: [present("$.case.open[0]"), present("$.case.unblocked[0]")],
            Next: "WhatIsLeft",
          },
          { Variable: "$.case.quiet", NumericLessThan: QUIET_LOOKS, Next: "Settle" },
        ],
        Default: "CloseCase",
      },
      CloseCase: written("CloseCase", "AnythingFailed"),
      AnythingFailed: {
        Type: "Choice",
        Comment:
          "Sessions or users that could not be looked at, while the others were contained; or more than SSH was lost",
        Choices: [
          {
            Or: [present("$.error"), present("$.case.undecided[0]"), present("$.case.lost[0]")],
            Next: "Failed",
          },
        ],
        Default: "Report",
      },
      Report: {
        ...task(arns.Report, LiftSessionBlock ? "AnythingBlocked" : "EndState"),
        ...reportParameters,
      },
      ...(LiftSessionBlock && {
        AnythingBlocked: {
          Type: "Choice",
          Choices: [{ ...present("$.case.blockedUntil"), Next: "WaitForLift" }],
          Default: "EndState",
        },
        WaitForLift: {
          Type: "Wait",
          Comment: "A sweep lifts what this execution does not live to lift",
          TimestampPath: "$.case.blockedUntil",
          Next: "LiftSessionBlock",
        },
        LiftSessionBlock: pass(LiftSessionBlock, next, "CloseLiftedCase"),
        CloseLiftedCase: written("CloseLiftedCase", "Lifted"),
        Lifted: {
          Type: "Choice",
          Choices: [{ ...present("$.case.open[0]"), Next: "Failed" }],
          Default: "EndState",
        },
      }),
      EndState: { Type: "Succeed" },

      StillOpen: {
        Type: "Pass",
        Parameters: { Error: "NotContained", "Cause.$": "States.JsonToString($.case.open)" },
        ResultPath: "$.error",
        Next: "KeepOpenCase",
      },
      KeepOpenCase: written("KeepOpenCase", "Failed"),
      Failed: {
        ...task(arns.Report, "Fail"),
        ...reportParameters,
        Catch: [{ ErrorEquals: ["States.ALL"], ResultPath: "$.report", Next: "Fail" }],
      },
      Fail: {
        Type: "Fail",
        Error: "NotContained",
        Cause: "What is open, and why, is in the message that Failed published and in its input",
      },
    },
  };
}

/** Of the message the state keeps the subject: beside the case, the whole might exceed the limit. */
const reportParameters = {
  Parameters: { "state.$": "$", "execution.$": "$$.Execution.Id" },
  ResultSelector: { "subject.$": "$.subject" },
  ResultPath: "$.report",
};

function task(Resource: string, Next: string): Task {
  return {
    Type: "Task",
    Resource,
    TimeoutSeconds: 60,
    Retry: [RETRY],
    Catch: [{ ErrorEquals: ["States.ALL"], ResultPath: "$.error", Next: "Failed" }],
    Next,
  };
}
