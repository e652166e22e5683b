import type { Correction } from "./correction";

/**
 * Where UserName is optional, AWS takes the caller's; moto does so in a few of the actions only.
 */
export const ownName: Correction = {
  service: "iam",
  actions: [
    "CreateAccessKey",
    "UpdateAccessKey",
    "DeleteAccessKey",
    "ListAccessKeys",
    "CreateLoginProfile",
    "UpdateLoginProfile",
    "DeleteLoginProfile",
    "GetLoginProfile",
    "GetUser",
    "ListSSHPublicKeys",
    "ListSigningCertificates",
    "UploadSigningCertificate",
    "UpdateSigningCertificate",
    "DeleteSigningCertificate",
    "ListMFADevices",
    "DeactivateMFADevice",
    "ListServiceSpecificCredentials",
    "UpdateServiceSpecificCredential",
    "ResetServiceSpecificCredential",
    "DeleteServiceSpecificCredential",
  ],
  source: "https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html",
  async handle(request, principal, backend) {
    const { UserName, AllUsers } = request.params;
    if (principal.kind !== "user" || UserName !== undefined || AllUsers === "true") {
      return await backend.forward(request);
    }
    const query = new URLSearchParams(request.body.toString("utf8"));
    query.set("UserName", principal.name);
    const params = { ...request.params, UserName: principal.name };
    return await backend.forward({ ...request, params, body: Buffer.from(query.toString()) });
  },
};
