import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
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
import { recordCase, recordCaseActions } from "../functions/RecordCase";
import { report, reportActions } from "../functions/Report";
import { stripAccount, stripAccountActions } from "../functions/StripAccount";
import { verifyAccount, verifyAccountActions } from "../functions/VerifyAccount";
import type { Settings } from "../settings";
import { denyAllArn, type Narrowing, type Place, responderStatements } from "./permissions";
import { LOG_RETENTION_DAYS, type ResponderArgs, responder } from "./responder";
import { serviceRole } from "./role";
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

  constructor(name: string, args: ResponseArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tourniquet:index:Response", name, {}, opts);
    const child = { parent: this };
    const { settings } = args;
    const lambda = (functionName: FunctionName, rest: Omit<ResponderArgs, "name">) =>
      responder({ name: `${name}-${functionName}`, ...rest }, child).arn;

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

    // What the closures capture is plain data, so that it can become text.
    const { mode, exemptions, sshPorts, trustedCidrs, trustedLists } = settings;
    const { applicationUsers, protectedPrincipals } = settings;
    const incidents = incidentSettings(settings, name);
    const branch = { mode, exemptions, protectedPrincipals, applicationUsers };
    const ssh = { mode, exemptions, sshPorts, trustedCidrs, trustedLists };

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
          stripAccount(require("./sdk/bin/iam"), require("@aws-sdk/client-cloudtrail"), branch),
        statements: may(stripAccountActions),
        environment: account,
        packages: [],
        sdk: "iam",
      }),
      VerifyAccount: lambda("VerifyAccount", {
        callbackFactory: () => verifyAccount(require("./sdk/bin/iam"), branch),
        statements: may(verifyAccountActions),
        environment: account,
        packages: [],
        sdk: "iam",
      }),
      EmergencyActionInfrastructure: lambda("EmergencyActionInfrastructure", {
        callbackFactory: () => emergencyActionInfrastructure(require("./sdk/bin/ec2"), ssh),
        statements: may(emergencyActionInfrastructureActions),
        packages: ["ipaddr.js"],
        sdk: "ec2",
      }),
      ...(applicationUsers.length > 0 && {
        EmergencyActionApplication: lambda("EmergencyActionApplication", {
          callbackFactory: () =>
            emergencyActionApplication(
              require("./sdk/bin/iam"),
              require("@aws-sdk/client-secrets-manager"),
              branch,
            ),
          statements: may(emergencyActionApplicationActions, applicationUsers),
          environment: { SECRET_PREFIX: secretPrefix },
          packages: [],
          sdk: "iam",
        }),
      }),
      RecordCase: lambda("RecordCase", {
        callbackFactory: () => recordCase(require("@aws-sdk/client-s3")),
        statements: only(recordCaseActions, pulumi.interpolate`${args.caseBucket.arn}/cases/*`),
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
    this.machineArn = stateMachine(name, pulumi.output(arns) as pulumi.Output<FunctionArns>, child);
    this.registerOutputs({ machineArn: this.machineArn });
  }
}

/** What a function calls, by what it does to the account. */
interface Actions {
  looks: string[];
  cuts: string[];
  rotation?: string[];
  /** Only with `containRoles`. */
  roles?: { looks: string[]; cuts: string[] };
}

/** In `observe` a role cannot change anything, whatever its code does. */
function granted(actions: Actions, { mode, containRoles }: Settings): string[] {
  const { looks, cuts, rotation = [], roles } = actions;
  const ofRoles = containRoles && roles ? roles : { looks: [], cuts: [] };
  const seen = [...looks, ...ofRoles.looks];
  return mode === "enforce" ? [...seen, ...cuts, ...ofRoles.cuts, ...rotation] : seen;
}

function narrowed(place: Place, secretPrefix: string, users: string[] | undefined): Narrowing {
  return { place, secretPrefix, ...(users && { users }) };
}

function incidentSettings(settings: Settings, name: string) {
  const { sshPorts, trustedCidrs, newCredentials, guardDutySeverity, applicationUsers } = settings;
  const { protectedPrincipals, trustedActors, exemptions, containActor, containRoles } = settings;
  const { trustedLists } = settings;
  const own: FunctionName[] = [
    "EmergencyActionAccount",
    "StripAccount",
    "EmergencyActionInfrastructure",
    "EmergencyActionApplication",
  ];
  // They change nothing, so their calls are no incident's excuse.
  const quiet = ["CloudWatcherCore", "VerifyAccount", "RecordCase", "Report", "machine", "events"];
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
    stackRoles: [...own, SYNC_GROUPS, ...quiet].map((role) => `${name}-${role}`),
  };
}

/** A Standard state machine: its history is kept, and it may wait. */
function stateMachine(
  name: string,
  arns: pulumi.Output<FunctionArns>,
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
      definition: arns.apply((all) => JSON.stringify(definition(all))),
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
