import { emergencyActionInfrastructureActions } from "./EmergencyActionInfrastructure";
import { infrastructureBranch } from "./infrastructure/branch";
import type { InfrastructureSettings } from "./infrastructure/close";
import type { Ec2Sdk } from "./infrastructure/look";
import { narrow } from "./infrastructure/narrow";

/** What the handler calls; its role is granted exactly this, and what is no look in `enforce` only. */
export const narrowOpenSshActions = {
  ...emergencyActionInfrastructureActions,
  /** The exception: it adds rules. */
  grants: ["ec2:AuthorizeSecurityGroupIngress"],
};

/**
 * Runs in place of `EmergencyActionInfrastructure` where `openSsh` is `restrict`: before it revokes
 * a rule that opens SSH to the world, it adds the rules that leave the other ports as they were and
 * SSH to the trusted sources. Where they cannot be added, the rule goes all the same, and the case has
 * what went with it as `lost`.
 */
export function narrowOpenSsh(sdk: Ec2Sdk, settings: InfrastructureSettings) {
  return infrastructureBranch(sdk, settings, narrow);
}
