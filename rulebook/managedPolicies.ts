import { type Answer, yesNo } from "./answer";

/** The AWS managed policy that denies everything: what containment attaches. */
export const AWS_DENY_ALL = "AWSDenyAll";

/** A policy document of one statement on every resource. */
interface Document {
  Statement: {
    Effect: "Allow" | "Deny";
    Action?: string | string[];
    NotAction?: string[];
    Resource: "*";
  };
}

/**
 * AWS managed policies that make an admin of whoever holds them, and what they allow, as far as the
 * rulebook asks: everything, nearly everything, or the calls that reach it without a condition.
 *
 * Source: the policies as of 2026-03-07, https://github.com/zoph-io/MAMIP at 0387244e, classified in
 * tests/fixtures/policy-corpus/aws-managed-classified.json; AIDevOpsAgentActionsPolicy is younger and
 * from moto 5.2.5 (PyPI, moto/iam/aws_managed_policies.py). Policies that hold such a call under a
 * condition or on some resources only are left out.
 */
const ADMINS: Record<string, Document> = {
  AIDevOpsAgentActionsPolicy: {
    Statement: {
      Effect: "Allow",
      NotAction: ["iam:*", "organizations:*", "account:*", "sts:*"],
      Resource: "*",
    },
  },
  AdministratorAccess: { Statement: { Effect: "Allow", Action: "*", Resource: "*" } },
  "AdministratorAccess-Amplify": {
    Statement: {
      Effect: "Allow",
      Action: [
        "iam:CreatePolicyVersion",
        "iam:AttachRolePolicy",
        "iam:PutRolePolicy",
        "iam:UpdateAssumeRolePolicy",
      ],
      Resource: "*",
    },
  },
  AWSOpsWorksRegisterCLI: {
    Statement: {
      Effect: "Allow",
      Action: ["iam:PutUserPolicy", "iam:AddUserToGroup", "iam:CreateAccessKey"],
      Resource: "*",
    },
  },
  IAMFullAccess: { Statement: { Effect: "Allow", Action: "iam:*", Resource: "*" } },
  PowerUserAccess: {
    Statement: {
      Effect: "Allow",
      NotAction: ["iam:*", "organizations:*", "account:*"],
      Resource: "*",
    },
  },
};

const QUARANTINED = [
  "iam:AddUserToGroup",
  "iam:AttachGroupPolicy",
  "iam:AttachRolePolicy",
  "iam:AttachUserPolicy",
  "iam:CreateAccessKey",
  "iam:CreateLoginProfile",
  "iam:CreatePolicyVersion",
  "iam:PutGroupPolicy",
  "iam:PutRolePolicy",
  "iam:PutUserPolicy",
  "iam:SetDefaultPolicyVersion",
  "iam:UpdateAssumeRolePolicy",
  "iam:UpdateLoginProfile",
];

/**
 * AWS managed policies that are attached to take rights away, and what they deny, as far as the
 * rulebook asks. The denials of the other policies in DENYING are part of what those grant, under a
 * condition or narrow: they are not counted on to hold an admin back.
 *
 * Source: the policy documents in moto 5.2.5 (PyPI), moto/iam/aws_managed_policies.py.
 */
const DENIALS: Record<string, Document> = {
  AWSCompromisedKeyQuarantine: {
    Statement: {
      Effect: "Deny",
      Action: [
        "iam:AttachGroupPolicy",
        "iam:AttachRolePolicy",
        "iam:AttachUserPolicy",
        "iam:CreateAccessKey",
        "iam:CreateLoginProfile",
        "iam:PutUserPolicy",
      ],
      Resource: "*",
    },
  },
  AWSCompromisedKeyQuarantineV2: {
    Statement: {
      Effect: "Deny",
      Action: QUARANTINED,
      Resource: "*",
    },
  },
  AWSCompromisedKeyQuarantineV3: {
    Statement: {
      Effect: "Deny",
      Action: QUARANTINED,
      Resource: "*",
    },
  },
  AWSDenyAll: { Statement: { Effect: "Deny", Action: "*", Resource: "*" } },
};

/**
 * AWS managed policies with a Deny statement, conditional or not: 44 of the 1,582 that moto 5.2.5
 * (PyPI, moto/iam/aws_managed_policies.py) carries; the newest of them is of 2026-09-30.
 */
const DENYING = [
  "AWSCertificateManagerPrivateCAPrivilegedUser",
  "AWSCertificateManagerPrivateCAUser",
  "AWSCleanRoomsFullAccessNoQuerying",
  "AWSCompromisedKeyQuarantine",
  "AWSCompromisedKeyQuarantineV2",
  "AWSCompromisedKeyQuarantineV3",
  "AWSDeepRacerDefaultMultiUserAccess",
  "AWSDenyAll",
  "AWSEC2SpotServiceRolePolicy",
  "AWSIAMIdentityCenterAllowListForIdentityContext",
  "AWSLakeFormationDataAdmin",
  "AWSPrivateCAPrivilegedUser",
  "AWSPrivateCAUser",
  "AWSQuickSetupManagedInstanceProfileExecutionPolicy",
  "AWSSystemsManagerOpsDataSyncServiceRolePolicy",
  "AWSTransformApplicationDeploymentPolicy",
  "AmazonCognitoIdpEmailServiceRolePolicy",
  "AmazonConnectReadOnlyAccess",
  "AmazonConnectServiceLinkedRolePolicy",
  "AmazonConnectSynchronizationServiceRolePolicy",
  "AmazonDataZoneEnvironmentRolePermissionsBoundary",
  "AmazonDataZoneSageMakerEnvironmentRolePermissionsBoundary",
  "AmazonGuardDutyMalwareProtectionServiceRolePolicy",
  "AmazonInspector2AgentlessServiceRolePolicy",
  "AmazonInspector2AmiScanServiceRolePolicy",
  "AmazonRDSCustomPreviewServiceRolePolicy",
  "AmazonRDSCustomServiceRolePolicy",
  "AmazonRedshiftDataFullAccess",
  "AmazonSecurityLakePermissionsBoundary",
  "AwsGlueSessionUserRestrictedNotebookPolicy",
  "AwsGlueSessionUserRestrictedNotebookServiceRole",
  "AwsGlueSessionUserRestrictedPolicy",
  "AwsGlueSessionUserRestrictedServiceRole",
  "CloudWatchOmniSpaceAccessPolicy",
  "IAMAuditRootUserCredentials",
  "IAMCreateRootUserPassword",
  "IAMDeleteRootUserCredentials",
  "S3UnlockBucketPolicy",
  "SQSUnlockQueuePolicy",
  "SageMakerStudioAdminIAMDefaultExecutionPolicy",
  "SageMakerStudioAdminIAMPermissiveExecutionPolicy",
  "SageMakerStudioProjectUserRolePermissionsBoundary",
  "SageMakerStudioUserIAMDefaultExecutionPolicy",
  "SageMakerStudioUserIAMPermissiveExecutionPolicy",
];

/** In every partition; the path is no part of the name. */
const MANAGED_ARN = /^arn:aws(?:-[a-z]+)*:iam::aws:policy\/(?:[^/]+\/)*([^/]+)$/i;

/**
 * What is known of an AWS managed policy by its ARN alone.
 *
 * The whole name decides, in any case: AWS has no two that differ by case. One that is not listed
 * makes no admin and denies nothing.
 *
 * @returns undefined for the ARN of a customer's policy, and for what is no policy ARN.
 */
export function awsManagedPolicy(
  arn: string,
): { name: string; admin: Answer; denies: Answer } | undefined {
  const written = managedName(arn);
  if (written === undefined) return undefined;
  const name = listedName(written) ?? written;
  return {
    name,
    admin: yesNo(Object.hasOwn(ADMINS, name)),
    denies: yesNo(DENYING.includes(name)),
  };
}

/**
 * The part of an AWS managed policy's document that the rulebook needs; undefined where the policy
 * neither makes an admin nor is attached to hold one back, and for a customer's policy.
 */
export function awsManagedDocument(arn: string): object | undefined {
  const name = awsManagedPolicy(arn)?.name;
  if (name === undefined) return undefined;
  const documents = { ...ADMINS, ...DENIALS };
  return Object.hasOwn(documents, name) ? documents[name] : undefined;
}

function managedName(arn: string): string | undefined {
  return MANAGED_ARN.exec(arn)?.[1];
}

function listedName(written: string): string | undefined {
  const listed = [...Object.keys(ADMINS), ...DENYING];
  return listed.find((name) => name.toLowerCase() === written.toLowerCase());
}
