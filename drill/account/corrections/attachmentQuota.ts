import { errorAnswer } from "../wire";
import type { Correction } from "./correction";

const QUOTA = 10;

/** moto attaches any number of managed policies. */
export const attachmentQuota: Correction = {
  service: "iam",
  actions: ["AttachUserPolicy", "AttachGroupPolicy"],
  source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
  async handle(request, _principal, backend) {
    const { UserName, GroupName, PolicyArn } = request.params;
    const { users, groups } = await backend.directory();
    const holder = users.get(String(UserName)) ?? groups.get(String(GroupName));
    const arns = holder?.attached ?? [];
    if (arns.length < QUOTA || arns.includes(String(PolicyArn))) {
      return await backend.forward(request);
    }
    const message = `Cannot exceed quota for PoliciesPer${UserName ? "User" : "Group"}: ${QUOTA}`;
    return errorAnswer(request, { code: "LimitExceeded", message, status: 409 });
  },
};
