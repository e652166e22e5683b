import { exemptionFor } from "../../rulebook/exemptions";
import { sameName } from "../../rulebook/names";
import { matchesExactly } from "../../rulebook/policyDocument";
import type { Pass } from "../case";
import type { AccountSettings } from "./user";

/**
 * Why a user whom only a look brought up (a group's member, a policy's holder, the caller who gains
 * by his own change) is left alone; undefined: he is not. The classification asks the same of the
 * users that a record names.
 */
export function spared(
  name: string,
  { protectedPrincipals, applicationUsers, exemptions }: Omit<AccountSettings, "mode">,
): Pass | undefined {
  if (protectedPrincipals.some((one) => sameName(one, name))) {
    return { alerts: [`User ${name} is protected and was not contained: look at him yourself`] };
  }
  const { exemption } = exemptionFor(exemptions, "admin-user", [name], new Date().toISOString());
  if (exemption) {
    const { expires, owner, reason } = exemption;
    return { notes: [`User ${name} is exempt until ${expires} by ${owner}: ${reason}`] };
  }
  if (applicationUsers.some((pattern) => matchesExactly(pattern, name))) {
    return {
      alerts: [`User ${name} runs an application and was not locked out: look at him yourself`],
    };
  }
  return undefined;
}
