import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Statement } from "./permissions";

/**
 * Longest name of an IAM role.
 * Source: IAM API Reference, CreateRole, RoleName.
 */
const LONGEST_NAME = 64;

/**
 * Characters that a role's inline policies may have together, white space apart.
 * Source: IAM User Guide, "IAM and AWS STS quotas",
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
const LONGEST_POLICY = 10_240;

/** A role that one AWS service may assume, with one inline policy and nothing else. */
export function serviceRole(
  name: string,
  service: "lambda" | "states" | "events" | "scheduler",
  statements: pulumi.Input<Statement[]>,
  opts: pulumi.CustomResourceOptions,
): aws.iam.Role {
  if (name.length > LONGEST_NAME) {
    throw new Error(
      `The role name ${name} has ${name.length} characters and may have ${LONGEST_NAME}: give the stack a shorter name`,
    );
  }
  const trust = {
    Effect: "Allow",
    Principal: { Service: `${service}.amazonaws.com` },
    Action: "sts:AssumeRole",
  };
  const role = new aws.iam.Role(name, { name, assumeRolePolicy: policyText([trust]) }, opts);
  const policy = pulumi.output(statements).apply((all) => {
    const text = policyText(all);
    if (text.length > LONGEST_POLICY) {
      throw new Error(
        `The policy of the role ${name} has ${text.length} characters and may have ${LONGEST_POLICY}: name fewer users in tourniquet:applicationUsers, or with fewer wildcards`,
      );
    }
    return text;
  });
  new aws.iam.RolePolicy(name, { role: role.name, policy }, { ...opts, parent: role });
  return role;
}

function policyText(statements: object[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}
