import { type Principal, principalArn } from "../principal";
import { escaped, resultAnswer } from "../wire";
import type { Backend, Correction } from "./correction";

/** moto answers "user/moto" for every key that it did not make itself. */
export const callerIdentity: Correction = {
  service: "sts",
  actions: ["GetCallerIdentity"],
  source: "https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html",
  async handle(request, principal, backend) {
    const { arn, id } = await identity(principal, backend);
    const { accountId } = backend;
    return resultAnswer(
      request,
      `<Arn>${escaped(arn)}</Arn><UserId>${escaped(id)}</UserId><Account>${accountId}</Account>`,
    );
  },
};

/** Source: the table of aws:userid in
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html */
async function identity(
  principal: Principal,
  { accountId, directory }: Backend,
): Promise<{ arn: string; id: string }> {
  const { kind, name, session, federated } = principal;
  const { users, roles } = await directory();
  const holder = kind === "user" ? users.get(name) : roles.get(name);
  const arn = principalArn(principal, accountId, holder?.arn);
  if (federated) return { arn, id: `${accountId}:${federated}` };
  if (kind === "root") return { arn, id: accountId };
  return { arn, id: session ? `${holder?.id}:${session}` : (holder?.id ?? name) };
}
