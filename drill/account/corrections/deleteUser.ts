import { type Answer, errorAnswer, type Request } from "../wire";
import type { Correction } from "./correction";

/** What keeps a user from being deleted: how to ask for it, and the mark of one in the answer. */
const POSSESSIONS = [
  { action: "GetLoginProfile", mark: "<LoginProfile>", message: "login profile" },
  { action: "ListUserPolicies", mark: "<member>", message: "policies" },
  { action: "ListAttachedUserPolicies", mark: "<member>", message: "attached policies" },
  { action: "ListGroupsForUser", mark: "<member>", message: "group memberships" },
  { action: "ListSSHPublicKeys", mark: "<member>", message: "SSH public keys" },
  { action: "ListSigningCertificates", mark: "<member>", message: "signing certificates" },
  { action: "ListMFADevices", mark: "<member>", message: "MFA devices" },
];

/** moto deletes a user together with all that he has. */
export const deleteUser: Correction = {
  service: "iam",
  actions: ["DeleteUser"],
  source: "https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html",
  async handle(request, _principal, backend) {
    const UserName = String(request.params.UserName);
    if (backend.keysOf(UserName).length > 0) return conflict(request, "access keys");
    const services = [...backend.serviceCredentials.values()];
    if (services.some((each) => each.UserName === UserName)) {
      return conflict(request, "service specific credentials");
    }
    for (const { action, mark, message } of POSSESSIONS) {
      const answer = await backend.ask("iam", action, { UserName });
      if (answer.status === 200 && answer.body.includes(mark)) {
        return conflict(request, message);
      }
    }
    return await backend.forward(request);
  },
};

function conflict(request: Request, what: string): Answer {
  const message = `Cannot delete entity, must delete ${what} first.`;
  return errorAnswer(request, { code: "DeleteConflict", message, status: 409 });
}
