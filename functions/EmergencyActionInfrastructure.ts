import { infrastructureBranch } from "./infrastructure/branch";
import { type InfrastructureSettings, takeAway } from "./infrastructure/close";
import type { Ec2Sdk } from "./infrastructure/look";

/** What the handler calls; its role is granted exactly this, and the cut only in `enforce`. */
export const emergencyActionInfrastructureActions = {
  looks: [
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeVpcs",
    "ec2:GetManagedPrefixListEntries",
  ],
  cuts: ["ec2:RevokeSecurityGroupIngress"],
};

/**
 * Revokes the rules of security groups that open SSH to the world, and no others, in one call a
 * group.
 *
 * The first pass takes the rules that the record proves, with nothing awaited before; where the
 * record proves none, and in every later pass, a look finds them. Runs once per cold start and
 * returns the handler. Failed looks are thrown; a failed cut is in the case's `open`.
 */
export function emergencyActionInfrastructure(sdk: Ec2Sdk, settings: InfrastructureSettings) {
  return infrastructureBranch(sdk, settings, takeAway);
}
