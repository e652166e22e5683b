import { randomBytes } from "node:crypto";
import { errorAnswer, escaped, type Request, resultAnswer } from "../wire";
import type { Backend, Correction } from "./correction";

const DEFAULT_SECONDS = 43_200;

/**
 * moto gives the same example key to everybody, and to sessions too. Who stands behind the new key
 * is kept in the account: the user, with the policies that he has when it is used.
 */
export const sessionToken: Correction = {
  service: "sts",
  actions: ["GetSessionToken", "GetFederationToken"],
  source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html",
  async handle(request, principal, backend) {
    if (principal.issued) {
      const message = `Cannot call ${request.action} with session credentials`;
      return errorAnswer(request, { code: "AccessDenied", message, status: 403 });
    }
    const { SerialNumber: serial } = request.params;
    if (typeof serial === "string" && !(await hasDevice(principal.name, serial, backend))) {
      const message = `MultiFactorAuthentication failed, unable to validate MFA code for ${serial}`;
      return errorAnswer(request, { code: "AccessDenied", message, status: 403 });
    }
    return resultAnswer(request, credentials(request) + federatedUser(request, backend));
  },
};

/** Every code is right; the device has to be the caller's. */
async function hasDevice(UserName: string, serial: string, backend: Backend): Promise<boolean> {
  const devices = await backend.ask("iam", "ListMFADevices", { UserName });
  return devices.status === 200 && devices.body.includes(`>${escaped(serial)}<`);
}

function credentials({ params }: Request): string {
  const seconds = Number(params.DurationSeconds ?? DEFAULT_SECONDS);
  return (
    `<Credentials><AccessKeyId>ASIA${randomBytes(8).toString("hex").toUpperCase()}</AccessKeyId>` +
    `<SecretAccessKey>${randomBytes(30).toString("base64")}</SecretAccessKey>` +
    `<SessionToken>${randomBytes(150).toString("base64")}</SessionToken>` +
    `<Expiration>${new Date(Date.now() + seconds * 1000).toISOString()}</Expiration></Credentials>`
  );
}

function federatedUser({ action, params }: Request, { accountId }: Backend): string {
  if (action !== "GetFederationToken") return "";
  const name = escaped(String(params.Name));
  return (
    `<FederatedUser><FederatedUserId>${accountId}:${name}</FederatedUserId>` +
    `<Arn>arn:aws:sts::${accountId}:federated-user/${name}</Arn></FederatedUser>`
  );
}
