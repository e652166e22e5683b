import type { Correction } from "./correction";

/** EC2 says with each rule whose group it is in; moto leaves that out. */
export const ruleOwner: Correction = {
  service: "ec2",
  actions: ["DescribeSecurityGroupRules"],
  source: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html",
  async handle(request, _principal, backend) {
    const answer = await backend.forward(request);
    const owner = `<groupOwnerId>${backend.accountId}</groupOwnerId>`;
    const text = answer.body.toString("utf8").replaceAll("<isEgress>", `${owner}<isEgress>`);
    return { ...answer, body: Buffer.from(text) };
  },
};
