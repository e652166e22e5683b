import { errorAnswer } from "../wire";
import type { Correction } from "./correction";

const QUOTA = 10;

/** moto attaches any number of managed policies. */
export const attachmentQuota: Correction = {
  service: "iam",
  actions: ["AttachUserPolicy", "AttachGroupPolicy", "AttachRolePolicy"],
  source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html",
  async handle(request, _principal, backend) {
    const { UserName, GroupName, RoleName, PolicyArn } = request.params;
    const { users, groups, roles } = await backend.directory();
    const holder =
      users.get(String(UserName)) ?? groups.get(String(GroupName)) ?? roles.get(String(RoleName));
    const arns = holder?.attached ?? [];
    if (arns.length < QUOTA || arns.includes(String(PolicyArn))) {
      return await backend.forward(request);
    }
    const kind = UserName ? "User" : GroupName ? "Group" : "Role";
    const message = `Cannot exceed quota for PoliciesPer${kind}: ${QUOTA}`;
    return errorAnswer(request, { code: "LimitExceeded", message, status: 409 });
  },
};
