import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { breakSessions, breakSessionsActions } from "../functions/BreakSessions";
import { cloudWatcherCore } from "../functions/CloudWatcherCore";
import {
  emergencyActionAccount,
  emergencyActionAccountActions,
} from "../functions/EmergencyActionAccount";
import {
  emergencyActionApplication,
  emergencyActionApplicationActions,
} from "../functions/EmergencyActionApplication";
import {
  emergencyActionInfrastructure,
  emergencyActionInfrastructureActions,
} from "../functions/EmergencyActionInfrastructure";
import { liftSessionBlock, liftSessionBlockActions } from "../functions/LiftSessionBlock";
import { narrowOpenSsh, narrowOpenSshActions } from "../functions/NarrowOpenSsh";
import { recordCase, recordCaseActions } from "../functions/RecordCase";
import { report, reportActions } from "../functions/Report";
import { stripAccount, stripAccountActions } from "../functions/StripAccount";
import { sweepSessionBlocks, sweepSessionBlocksActions } from "../functions/SweepSessionBlocks";
import { verifyAccount, verifyAccountActions } from "../functions/VerifyAccount";
import type { Settings } from "../settings";
import {
  blockStoreStatements,
  caseStoreStatements,
  denyAllArn,
  type Narrowing,
  type Place,
  responderStatements,
  secretKeyStatements,
} from "./permissions";
import { LOG_RETENTION_DAYS, type ResponderArgs, responder } from "./responder";
import { serviceRole } from "./role";
import { hourly } from "./schedule";
import { SecretKey } from "./secretKey";
import { definition, type FunctionArns, type FunctionName } from "./stateMachine";
import { SYNC_GROUPS } from "./syncedGroups";

/** What the response needs to know. */
export interface ResponseArgs {
  settings: Settings;
  place: pulumi.Input<Place>;
  topicArn: pulumi.Input<string>;
  caseBucket: { name: pulumi.Input<string>; arn: pulumi.Input<string> };
}

/** The state machine, its Lambdas and their roles. */
export class Response extends pulumi.ComponentResource {
  readonly machineArn: pulumi.Output<string>;
  /** The names of the functions that run by the clock and not in an execution. */
  readonly scheduled: string[] = [];
  /** What encrypts the secrets of application users, where there are some. */
  readonly secretKeyArn: pulumi.Output<string> | undefined;

  constructor(name: string, args: ResponseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tourniquet:index:Response", name, {}, opts);
    const child = { parent: this };
    const { settings } = args;
    const lambda = (
      functionName: FunctionName | ScheduledName | "NarrowOpenSsh",
      rest: Omit<ResponderArgs, "name">,
    ) => responder({ name: `${name}-${functionName}`, ...rest }, child).arn;

    const place = pulumi.output(args.place);
    const account = { DENY_ALL_ARN: place.apply(({ partition }) => denyAllArn(partition)) };
    const secretPrefix = `${name}/application`;
    const may = (actions: Actions, users?: string[]) =>
      place.apply((where) =>
        responderStatements(granted(actions, settings), narrowed(where, secretPrefix, users)),
      );
    const only = (action: string[], Resource: pulumi.Input<string>) =>
      pulumi
        .output(Resource)
        .apply((resource) => [{ Effect: "Allow" as const, Action: action, Resource: resource }]);

    const onBlocks = (actions: Actions & { store: Actions }) =>
      pulumi
        .all([may(actions), args.caseBucket.arn])
        .apply(([own, bucket]) => [
          ...own,
          ...blockStoreStatements(granted(actions.store, settings), bucket),
        ]);

    const secretKey =
      settings.applicationUsers.length > 0 ? new SecretKey(name, { place }, child) : undefined;
    this.secretKeyArn = secretKey?.arn;
    const onKey = (actions: Actions & { key: Actions }, keyArn: pulumi.Input<string>) =>
      pulumi
        .all([may(actions, settings.applicationUsers), keyArn, place])
        .apply(([own, arn, where]) => [
          ...own,
          ...secretKeyStatements(granted(actions.key, settings), arn, where),
        ]);

    // What the closures capture is plain data, so that it can become text.
    const { mode, exemptions, sshPorts, trustedCidrs, trustedLists } = settings;
    const { applicationUsers, protectedPrincipals } = settings;
    const incidents = incidentSettings(settings, name);
    const branch = { mode, exemptions, protectedPrincipals, applicationUsers };
    const looks = { ...branch, ownRoles: incidents.ownRoles };
    const { trustedActors, stackRoles, containRoles } = incidents;
    const strips = { ...branch, trustedActors, stackRoles, containRoles };
    const { attachedGroups } = settings;
    const ssh = { mode, exemptions, sshPorts, trustedCidrs, trustedLists, attachedGroups };
    const { breakSessions: whose, sessionBlockMinutes } = settings;
    const sessions = {
      mode,
      sshPorts,
      trustedCidrs,
      trustedLists,
      breakSessions: whose,
      sessionBlockMinutes,
    };
    const onAcls = {
      environment: { CASE_BUCKET: args.caseBucket.name },
      packages: ["ipaddr.js" as const],
      sdk: "networkAcl" as const,
    };

    const arns = {
      CloudWatcherCore: lambda("CloudWatcherCore", {
        callbackFactory: () => cloudWatcherCore(incidents),
        statements: [],
        packages: ["ipaddr.js"],
      }),
      EmergencyActionAccount: lambda("EmergencyActionAccount", {
        callbackFactory: () => emergencyActionAccount(require("./sdk/bin/iam"), branch),
        statements: may(emergencyActionAccountActions),
        environment: account,
        packages: [],
        sdk: "iam",
      }),
      StripAccount: lambda("StripAccount", {
        callbackFactory: () =>
          stripAccount(require("./sdk/bin/iam"), require("@aws-sdk/client-cloudtrail"), strips),
        statements: may(stripAccountActions),
        environment: account,
        packages: [],
        sdk: "iam",
      }),
      VerifyAccount: lambda("VerifyAccount", {
        callbackFactory: () =>
          verifyAccount(require("./sdk/bin/iam"), require("@aws-sdk/client-cloudtrail"), looks),
        statements: may(verifyAccountActions),
        environment: account,
        packages: [],
        sdk: "iam",
      }),
      EmergencyActionInfrastructure:
        settings.openSsh === "restrict"
          ? lambda("NarrowOpenSsh", {
              callbackFactory: () => narrowOpenSsh(require("./sdk/bin/ec2"), ssh),
              statements: may(narrowOpenSshActions),
              packages: ["ipaddr.js"],
              sdk: "ec2",
            })
          : lambda("EmergencyActionInfrastructure", {
              callbackFactory: () => emergencyActionInfrastructure(require("./sdk/bin/ec2"), ssh),
              statements: may(emergencyActionInfrastructureActions),
              packages: ["ipaddr.js"],
              sdk: "ec2",
            }),
      ...(secretKey && {
        EmergencyActionApplication: lambda("EmergencyActionApplication", {
          callbackFactory: () =>
            emergencyActionApplication(
              require("./sdk/bin/iam"),
              require("@aws-sdk/client-secrets-manager"),
              branch,
            ),
          statements: onKey(emergencyActionApplicationActions, secretKey.arn),
          environment: { SECRET_PREFIX: secretPrefix, SECRET_KEY_ARN: secretKey.arn },
          packages: [],
          sdk: "iam",
        }),
      }),
      ...(whose !== false && {
        BreakSessions: lambda("BreakSessions", {
          callbackFactory: () =>
            breakSessions(require("./sdk/bin/networkAcl"), require("@aws-sdk/client-s3"), sessions),
          statements: onBlocks(breakSessionsActions),
          ...onAcls,
        }),
      }),
      // Observing blocks nothing, so there is nothing to lift.
      ...(whose !== false &&
        mode === "enforce" && {
          LiftSessionBlock: lambda("LiftSessionBlock", {
            callbackFactory: () =>
              liftSessionBlock(require("./sdk/bin/networkAcl"), require("@aws-sdk/client-s3"), {
                mode,
              }),
            statements: onBlocks(liftSessionBlockActions),
            ...onAcls,
          }),
        }),
      RecordCase: lambda("RecordCase", {
        callbackFactory: () => recordCase(require("@aws-sdk/client-s3")),
        statements: pulumi
          .output(args.caseBucket.arn)
          .apply((arn) => caseStoreStatements(recordCaseActions, arn)),
        environment: { CASE_BUCKET: args.caseBucket.name },
        packages: [],
      }),
      Report: lambda("Report", {
        callbackFactory: () => report(require("@aws-sdk/client-sns")),
        statements: only(reportActions, args.topicArn),
        environment: { TOPIC_ARN: args.topicArn },
        packages: [],
      }),
    };
    this.machineArn = stateMachine(
      name,
      pulumi.output(arns) as pulumi.Output<FunctionArns>,
      settings,
      child,
    );
    if (whose !== false) {
      const sweep = lambda("SweepSessionBlocks", {
        callbackFactory: () =>
          sweepSessionBlocks(require("./sdk/bin/networkAcl"), require("@aws-sdk/client-s3"), {
            mode,
          }),
        statements: onBlocks(sweepSessionBlocksActions),
        ...onAcls,
      });
      hourly(`${name}-sweep`, sweep, child);
      this.scheduled.push(`${name}-SweepSessionBlocks`);
    }
    this.registerOutputs({ machineArn: this.machineArn });
  }
}

/** The functions that run by the clock. */
type ScheduledName = "SweepSessionBlocks";

/** What a function calls, by what it does to the account. */
interface Actions {
  looks: string[];
  cuts: string[];
  rotation?: string[];
  grants?: string[];
  /** Only with `containRoles`. */
  roles?: { looks: string[]; cuts: string[] };
}

/** In `observe` a role cannot change anything, whatever its code does. */
function granted(actions: Actions, { mode, containRoles }: Settings): string[] {
  const { looks, cuts, rotation = [], grants = [], roles } = actions;
  const ofRoles = containRoles && roles ? roles : { looks: [], cuts: [] };
  const seen = [...looks, ...ofRoles.looks];
  return mode === "enforce" ? [...seen, ...cuts, ...ofRoles.cuts, ...rotation, ...grants] : seen;
}

function narrowed(place: Place, secretPrefix: string, users: string[] | undefined): Narrowing {
  return { place, secretPrefix, ...(users && { users }) };
}

function incidentSettings(settings: Settings, name: string) {
  const { sshPorts, trustedCidrs, newCredentials, guardDutySeverity, applicationUsers } = settings;
  const { protectedPrincipals, trustedActors, exemptions, containActor, containRoles } = settings;
  const { trustedLists } = settings;
  const own: (FunctionName | ScheduledName | "NarrowOpenSsh")[] = [
    "EmergencyActionAccount",
    "StripAccount",
    "EmergencyActionInfrastructure",
    "NarrowOpenSsh",
    "EmergencyActionApplication",
    "BreakSessions",
    "LiftSessionBlock",
    "SweepSessionBlocks",
  ];
  // They change nothing, so their calls are no incident's excuse.
  const quiet = ["CloudWatcherCore", "VerifyAccount", "RecordCase", "Report"];
  const services = ["machine", "events", "sweep"];
  return {
    sshPorts,
    trustedCidrs,
    trustedLists,
    newCredentials,
    guardDutySeverity,
    applicationUsers,
    protectedPrincipals,
    trustedActors,
    exemptions,
    ownRoles: [...own, SYNC_GROUPS].map((functionName) => `${name}-${functionName}`),
    containActor,
    containRoles,
    stackRoles: [...own, SYNC_GROUPS, ...quiet, ...services].map((role) => `${name}-${role}`),
  };
}

/** A Standard state machine: its history is kept, and it may wait. */
function stateMachine(
  name: string,
  arns: pulumi.Output<FunctionArns>,
  settings: Settings,
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const log = new aws.cloudwatch.LogGroup(
    `${name}-machine`,
    // Under this prefix many machines may share the resource policy that lets them log.
    { name: `/aws/vendedlogs/states/${name}`, retentionInDays: LOG_RETENTION_DAYS },
    opts,
  );
  const role = serviceRole(`${name}-machine`, "states", arns.apply(machineStatements), opts);
  return new aws.sfn.StateMachine(
    `${name}-machine`,
    {
      name,
      type: "STANDARD",
      roleArn: role.arn,
      definition: arns.apply((all) => JSON.stringify(definition(all, settings))),
      tracingConfiguration: { enabled: true },
      loggingConfiguration: {
        level: "ALL",
        // The history has the data; a copy in a log would be one more place to protect.
        includeExecutionData: false,
        logDestination: pulumi.interpolate`${log.arn}:*`,
      },
    },
    opts,
  ).arn;
}

/**
 * Sources: logs cannot be narrowed, https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html;
 * nor can X-Ray, https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
 */
function machineStatements(arns: FunctionArns) {
  const allow = (Action: string[], Resource: string | string[]) => ({
    Effect: "Allow" as const,
    Action,
    Resource,
  });
  return [
    allow(["lambda:InvokeFunction"], Object.values(arns)),
    allow(
      [
        "logs:CreateLogDelivery",
        "logs:GetLogDelivery",
        "logs:UpdateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
      ],
      "*",
    ),
  ];
}
