import { principalArn } from "../principal";
import { escaped, resultAnswer } from "../wire";
import type { Correction } from "./correction";

/** moto answers "user/moto" for every key that it did not make itself. */
export const callerIdentity: Correction = {
  service: "sts",
  actions: ["GetCallerIdentity"],
  source: "https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html",
  async handle(request, principal, backend) {
    if (principal.kind === "user") return await backend.forward(request);
    const { accountId } = backend;
    const arn = principalArn(principal, accountId);
    const id = principal.kind === "root" ? accountId : `${principal.name}:${principal.session}`;
    return resultAnswer(
      request,
      `<Arn>${escaped(arn)}</Arn><UserId>${escaped(id)}</UserId><Account>${accountId}</Account>`,
    );
  },
};
