import { errorAnswer } from "../wire";
import type { Correction } from "./correction";

/** moto hands out sessions of roles that do not exist. */
export const assumeRole: Correction = {
  service: "sts",
  actions: ["AssumeRole"],
  source: "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html",
  async handle(request, _principal, backend) {
    const arn = String(request.params.RoleArn);
    const name = arn.split("/").pop() ?? "";
    const role = await backend.ask("iam", "GetRole", { RoleName: name });
    if (role.status === 200) return await backend.forward(request);
    const message = `The caller is not authorized to perform: sts:AssumeRole on resource: ${arn}`;
    return errorAnswer(request, { code: "AccessDenied", message, status: 403 });
  },
};
