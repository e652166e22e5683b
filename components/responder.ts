import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Statement } from "./permissions";
import { serviceRole } from "./role";

/** The packages of `dependencies` that a Lambda may load; Pulumi would pack all into every archive. */
const libraries = ["ipaddr.js"] as const;
type Library = (typeof libraries)[number];

/** What one Lambda needs beside its code. */
export interface ResponderArgs {
  /** The physical name of function and role: "tourniquet-lab-StripAccount". */
  name: string;
  callbackFactory: aws.lambda.CallbackFactory<never, unknown>;
  /** What the function's role may do beside writing its own log. */
  statements: pulumi.Input<Statement[]>;
  environment?: Record<string, pulumi.Input<string>>;
  /** Packages of `dependencies` that this function loads; the others stay out of its archive. */
  packages: Library[];
  /** The bundled AWS client that it loads from "./sdk/bin/"; other clients are the runtime's. */
  sdk?: "ec2" | "iam" | "networkAcl";
}

/** Days for which a function's log is kept. */
export const LOG_RETENTION_DAYS = 90;

/** The Lambda runtime, and so the Node.js and the AWS SDK that the functions get. */
export const RUNTIME = "nodejs24.x";

const TIMEOUT_SECONDS = 30;
/** Lambda gives CPU by memory, and a cold start is CPU: 1,769 MB is one full core. */
const MEMORY_MB = 1769;

/** A Lambda from an inline callback, with its own log group and its own role. */
export function responder(
  args: ResponderArgs,
  opts: pulumi.CustomResourceOptions,
): aws.lambda.CallbackFunction<never, unknown> {
  const { name } = args;
  const log = new aws.cloudwatch.LogGroup(
    name,
    { name: `/aws/lambda/${name}`, retentionInDays: LOG_RETENTION_DAYS },
    opts,
  );
  const statements = pulumi.all([log.arn, args.statements]).apply(([arn, own]): Statement[] => [
    ...own,
    {
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: `${arn}:*`,
    },
  ]);
  return new aws.lambda.CallbackFunction(
    name,
    {
      name,
      role: serviceRole(name, "lambda", statements, opts),
      callbackFactory: args.callbackFactory,
      runtime: RUNTIME,
      architectures: ["arm64"],
      timeout: TIMEOUT_SECONDS,
      memorySize: MEMORY_MB,
      loggingConfig: { logFormat: "JSON", logGroup: log.name },
      environment: { variables: args.environment ?? {} },
      codePathOptions: {
        extraExcludePackages: libraries.filter((one) => !args.packages.includes(one)),
        extraIncludePaths: args.sdk ? bundled(args.sdk) : [],
      },
    },
    opts,
  );
}

/** What `sdk/build.js` made of a client; an archive has a path as it is here. */
function bundled(sdk: string): string[] {
  return [`sdk/bin/${sdk}.js`, `sdk/bin/${sdk}.LICENSES.txt`];
}
