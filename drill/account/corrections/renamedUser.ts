import { escaped } from "../wire";
import type { Correction } from "./correction";

/**
 * A user's keys and certificates keep the user's former name in moto, and a deleted key of a
 * renamed user stays listed.
 */
export const renamedUser: Correction = {
  service: "iam",
  actions: [
    "GetAccessKeyLastUsed",
    "ListAccessKeys",
    "ListSSHPublicKeys",
    "ListSigningCertificates",
    "ListMFADevices",
  ],
  source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users_rename.html",
  async handle(request, _principal, backend) {
    const answer = await backend.forward(request);
    const { UserName, AccessKeyId } = request.params;
    const name = UserName ?? backend.ownerOfKey(String(AccessKeyId));
    if (answer.status !== 200 || typeof name !== "string") return answer;
    const element = `<UserName>${escaped(name)}</UserName>`;
    const text = answer.body
      .toString("utf8")
      .replace(/<UserName>[^<]*<\/UserName>/g, () => element);
    return { ...answer, body: Buffer.from(text) };
  },
};
