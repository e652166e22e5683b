import type { Principal } from "../principal";
import type { Answer, Request } from "../wire";
import { aclEntries } from "./aclEntries";
import { assumeRole } from "./assumeRole";
import { attachmentQuota } from "./attachmentQuota";
import { authorizeWhole } from "./authorizeWhole";
import { callerIdentity } from "./callerIdentity";
import { canonicalCidr } from "./canonicalCidr";
import type { Backend, Correction } from "./correction";
import { deleteUser } from "./deleteUser";
import { groupsOfPrefixList } from "./groupsOfPrefixList";
import { lookupEvents } from "./lookupEvents";
import { ownName } from "./ownName";
import { ownRegions } from "./ownRegions";
import { pages } from "./pages";
import { prefixLists } from "./prefixLists";
import { revokeById } from "./revokeById";
import { rootKey } from "./rootKey";
import { ruleOwner } from "./ruleOwner";
import { serviceCredentials } from "./serviceCredentials";
import { sessionToken } from "./sessionToken";

import { userBoundary } from "./userBoundary";

/**
 * Everything in which the account differs from bare moto. A later one sees the request that an
 * earlier one passes on.
 */
export const corrections: Correction[] = [
  ownName,
  rootKey,
  userBoundary,
  pages,
  deleteUser,
  serviceCredentials,
  attachmentQuota,
  assumeRole,
  callerIdentity,
  sessionToken,
  lookupEvents,
  canonicalCidr,
  aclEntries,
  authorizeWhole,
  revokeById,
  ruleOwner,
  groupsOfPrefixList,
  prefixLists,
  ownRegions,
];

/** The account's answer to an authorized call: moto's, through the corrections that concern it. */
export async function answerOf(
  request: Request,
  principal: Principal,
  backend: Backend,
): Promise<Answer> {
  const chain = corrections.filter(
    ({ service, actions }) => service === request.service && actions.includes(request.action),
  );
  const forward = chain.reduceRight<Backend["forward"]>(
    (next, correction) => (passed) =>
      correction.handle(passed, principal, { ...backend, forward: next }),
    backend.forward,
  );
  return await forward(request);
}
