import { resultAnswer } from "../wire";
import type { Correction } from "./correction";

/** moto knows no root user: a key that root makes without naming a user is root's own. */
export const rootKey: Correction = {
  service: "iam",
  actions: ["CreateAccessKey"],
  source: "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html",
  async handle(request, principal, backend) {
    if (principal.kind !== "root" || request.params.UserName !== undefined) {
      return await backend.forward(request);
    }
    const { accessKeyId, secretAccessKey } = backend.rootKey();
    return resultAnswer(
      request,
      `<AccessKey><AccessKeyId>${accessKeyId}</AccessKeyId>` +
        `<Status>Active</Status><SecretAccessKey>${secretAccessKey}</SecretAccessKey>` +
        `<CreateDate>${new Date().toISOString()}</CreateDate></AccessKey>`,
    );
  },
};
