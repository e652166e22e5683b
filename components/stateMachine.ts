/** The Lambdas that the machine runs, by name; the application's only where it is deployed. */
export type FunctionName =
  | "CloudWatcherCore"
  | "EmergencyActionAccount"
  | "StripAccount"
  | "VerifyAccount"
  | "EmergencyActionInfrastructure"
  | "EmergencyActionApplication"
  | "RecordCase"
  | "Report";

/** ARNs of the functions; without `EmergencyActionApplication` the machine has no such branch. */
export type FunctionArns = Record<Exclude<FunctionName, "EmergencyActionApplication">, string> & {
  EmergencyActionApplication?: string;
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
  Choices: ((Rule | { And: Rule[] } | { Or: Rule[] }) & { Next: string })[];
  Default: string;
}

type State =
  | Task
  | Choice
  | { Type: "Wait"; Seconds: number; Next: string }
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

/**
 * Looks after which a subject that is still open fails loudly: somebody keeps opening it.
 */
export const MOST_ROUNDS = 6;

/** Looks in a row that must find nothing: one alone may have come before IAM showed the answer. */
const QUIET_LOOKS = 2;

/** How long IAM and EC2 get to settle before a look is believed. */
const SETTLE_SECONDS = 10;

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
 */
export function definition(arns: FunctionArns): Definition {
  const application = arns.EmergencyActionApplication;
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
  const written = (Next: string): Task => ({
    ...task(arns.RecordCase, Next),
    Parameters: { "incident.$": "$.CloudWatcherCore", "case.$": "$.case" },
    ResultPath: "$.recorded",
    // A case that cannot be written does not stop the containment; the report says so.
    Catch: [{ ErrorEquals: ["States.ALL"], ResultPath: "$.recorded", Next }],
  });

  return {
    Comment: "Contains what a dangerous API call has opened",
    StartAt: "IngestionAction",
    TimeoutSeconds: 1800,
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
          { ...present("$.case.alerts[0]"), Next: "Report" },
        ],
        Default: "EndState",
      },
      RecordCase: written("WhatIsLeft"),
      WhatIsLeft: {
        Type: "Choice",
        Choices: [
          decision("EmergencyActionAccount", "StripAccount"),
          { Variable: "$.case.mode", StringEquals: "observe", Next: "CloseCase" },
        ],
        Default: "Settle",
      },
      StripAccount: pass(arns.StripAccount, next, "AnythingChanged"),
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
              present("$.case.open[0]"),
              { Variable: "$.case.round", NumericGreaterThanEquals: MOST_ROUNDS },
            ],
            Next: "StillOpen",
          },
          { ...present("$.case.open[0]"), Next: "WhatIsLeft" },
          { Variable: "$.case.quiet", NumericLessThan: QUIET_LOOKS, Next: "Settle" },
        ],
        Default: "CloseCase",
      },
      CloseCase: written("Report"),
      Report: { ...task(arns.Report, "EndState"), ...reportParameters },
      EndState: { Type: "Succeed" },

      StillOpen: {
        Type: "Pass",
        Parameters: { Error: "NotContained", "Cause.$": "States.JsonToString($.case.open)" },
        ResultPath: "$.error",
        Next: "KeepOpenCase",
      },
      KeepOpenCase: written("Failed"),
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

const reportParameters = {
  Parameters: { "state.$": "$", "execution.$": "$$.Execution.Id" },
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
