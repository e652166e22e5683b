import type { Fault } from "../drill/scenario";

/** One way in which AWS may fail a call. */
export interface Kind {
  name: string;
  /** As the docs tell it. */
  says: string;
  /** undefined where the service has no such error. */
  fault(call: { service: string; action: string }): Omit<Fault, "service" | "action"> | undefined;
}

/** What the SDK tries before it gives up: three times. More than any run makes is for good. */
const SDK_ATTEMPTS = 3;
export const FOR_GOOD = 10_000;

/**
 * How each service says that a thing is not there.
 * Source: the "Errors" sections of the API references of IAM, EC2, Secrets Manager, S3 and SNS.
 */
const NOT_FOUND: Record<string, string> = {
  iam: "NoSuchEntity",
  ec2: "InvalidGroup.NotFound",
  secretsmanager: "ResourceNotFoundException",
  s3: "NoSuchBucket",
  sns: "NotFound",
};

/** Where one call has its own words for it. Source: as above. */
const CALL_NOT_FOUND: Record<string, string> = {
  "ec2:DescribeNetworkAcls": "InvalidNetworkAclID.NotFound",
  "ec2:CreateNetworkAclEntry": "InvalidNetworkAclID.NotFound",
  "ec2:DeleteNetworkAclEntry": "InvalidNetworkAclEntry.NotFound",
  "ec2:DescribeNetworkInterfaces": "InvalidNetworkInterfaceID.NotFound",
  "ec2:GetManagedPrefixListEntries": "InvalidPrefixListID.NotFound",
  "s3:GetObject": "NoSuchKey",
};

/** EC2 and the JSON services have their own words for a refusal. */
const DENIED: Record<string, string> = {
  ec2: "UnauthorizedOperation",
  secretsmanager: "AccessDeniedException",
  sns: "AuthorizationError",
};

/**
 * How a call says that a quota is used up.
 * Source: the "Errors" of these calls in the API references of IAM and Secrets Manager, and
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
const QUOTA: Record<string, string> = {
  "iam:AttachUserPolicy": "LimitExceeded",
  "iam:AttachRolePolicy": "LimitExceeded",
  "iam:CreateAccessKey": "LimitExceeded",
  "secretsmanager:CreateSecret": "LimitExceededException",
  "secretsmanager:PutSecretValue": "LimitExceededException",
  "ec2:CreateNetworkAclEntry": "NetworkAclEntryLimitExceeded",
  "ec2:AuthorizeSecurityGroupIngress": "RulesPerSecurityGroupLimitExceeded",
};

/**
 * The ways to fail, each call of a responder by each.
 * Source: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
 */
export const kinds: Kind[] = [
  {
    name: "throttled",
    says: "`Throttling`, as often as the SDK asks (3 times)",
    fault: () => ({ code: "Throttling", times: SDK_ATTEMPTS }),
  },
  {
    name: "throttled for good",
    says: "`Throttling`, always",
    fault: () => ({ code: "Throttling", times: FOR_GOOD }),
  },
  {
    name: "denied",
    says: "`AccessDenied` in the service's own words, always",
    fault: ({ service }) => ({
      code: DENIED[service] ?? "AccessDenied",
      status: 403,
      times: FOR_GOOD,
    }),
  },
  {
    name: "not found once",
    says: "`NoSuchEntity` in the service's own words, once",
    fault: (call) => notFound(call, 1),
  },
  {
    name: "not found",
    says: "`NoSuchEntity` in the service's own words, always",
    fault: (call) => notFound(call, FOR_GOOD),
  },
  {
    name: "quota",
    says: "`LimitExceeded` in the call's own words, always",
    fault: ({ service, action }) => {
      const code = QUOTA[`${service}:${action}`];
      return code === undefined ? undefined : { code, times: FOR_GOOD };
    },
  },
  {
    name: "broken",
    says: "`ServiceFailure`, status 500, always",
    fault: () => ({ code: "ServiceFailure", status: 500, times: FOR_GOOD }),
  },
  {
    name: "garbage once",
    says: "status 200 and a page that is no answer, once; the call had no effect",
    fault: () => ({ code: "MalformedAnswer", answer: "malformed", times: 1 }),
  },
  {
    name: "garbage",
    says: "the same, always",
    fault: () => ({ code: "MalformedAnswer", answer: "malformed", times: FOR_GOOD }),
  },
  {
    name: "answer lost once",
    says: "the call has its effect, and the connection stays open until the client gives up, once",
    fault: () => ({ code: "AnswerLost", answer: "lost", times: 1 }),
  },
  {
    name: "no answer once",
    says: "no effect, and the connection stays open until the client gives up, once",
    fault: () => ({ code: "NoAnswer", answer: "none", times: 1 }),
  },
  {
    name: "no answer",
    says: "the same, always",
    fault: () => ({ code: "NoAnswer", answer: "none", times: FOR_GOOD }),
  },
];

function notFound({ service, action }: { service: string; action: string }, times: number) {
  const code = CALL_NOT_FOUND[`${service}:${action}`] ?? NOT_FOUND[service];
  return code === undefined ? undefined : { code, status: 404, times };
}
