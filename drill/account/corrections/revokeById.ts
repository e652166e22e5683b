import { errorAnswer } from "../wire";
import type { Correction } from "./correction";

/** For a rule id that is not there moto has the error of a rule that was described by its parts. */
export const revokeById: Correction = {
  service: "ec2",
  actions: ["RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress"],
  source: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html",
  async handle(request, _principal, backend) {
    const { SecurityGroupRuleId } = request.params;
    const ids: string[] = Array.isArray(SecurityGroupRuleId) ? SecurityGroupRuleId : [];
    for (const id of ids) {
      const look = await backend.ask("ec2", "DescribeSecurityGroupRules", {
        "SecurityGroupRuleId.1": id,
      });
      if (look.status === 200 && look.body.includes(id)) continue;
      const message = `The security group rule ID '${id}' does not exist`;
      const code = "InvalidSecurityGroupRuleId.NotFound";
      return errorAnswer(request, { code, message, status: 400 });
    }
    return await backend.forward(request);
  },
};
