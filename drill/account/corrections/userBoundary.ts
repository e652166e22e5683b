import type { Identity } from "../directory";
import { type Answer, escaped, type Request, resultAnswer } from "../wire";
import type { Backend, Correction } from "./correction";

/** moto keeps permissions boundaries for roles and not for users. */
export const userBoundary: Correction = {
  service: "iam",
  actions: [
    "PutUserPermissionsBoundary",
    "DeleteUserPermissionsBoundary",
    "CreateUser",
    "DeleteUser",
    "UpdateUser",
    "GetUser",
    "GetAccountAuthorizationDetails",
    "ListEntitiesForPolicy",
  ],
  source: "https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPermissionsBoundary.html",
  async handle(request, _principal, backend) {
    const name = String(request.params.UserName);
    switch (request.action) {
      case "PutUserPermissionsBoundary":
        return await put(request, name, backend);
      case "DeleteUserPermissionsBoundary":
        return await remove(request, name, backend);
      case "GetAccountAuthorizationDetails":
        return withBoundaries(await backend.forward(request), backend.boundaries);
      case "ListEntitiesForPolicy":
        return await holders(request, backend);
      default:
        return await follow(request, name, backend);
    }
  },
};

async function put(request: Request, name: string, backend: Backend): Promise<Answer> {
  const arn = String(request.params.PermissionsBoundary);
  const user = await backend.ask("iam", "GetUser", { UserName: name });
  if (user.status !== 200) return user;
  const policy = await backend.ask("iam", "GetPolicy", { PolicyArn: arn });
  if (policy.status !== 200) return policy;
  backend.boundaries.set(name, arn);
  return resultAnswer(request);
}

async function remove(request: Request, name: string, backend: Backend): Promise<Answer> {
  const user = await backend.ask("iam", "GetUser", { UserName: name });
  if (user.status !== 200) return user;
  backend.boundaries.delete(name);
  return resultAnswer(request);
}

/** The calls that moto has: the boundary is made, shown, moved and forgotten along with the user. */
async function follow(request: Request, name: string, backend: Backend): Promise<Answer> {
  const answer = await backend.forward(request);
  if (answer.status !== 200) return answer;
  const { PermissionsBoundary, NewUserName } = request.params;
  const boundary = backend.boundaries.get(name);
  if (request.action === "CreateUser" && PermissionsBoundary) {
    backend.boundaries.set(name, String(PermissionsBoundary));
  }
  if (request.action === "DeleteUser") backend.boundaries.delete(name);
  if (request.action === "UpdateUser" && NewUserName && boundary) {
    backend.boundaries.delete(name);
    backend.boundaries.set(String(NewUserName), boundary);
  }
  return request.action === "GetUser" && boundary ? withBoundary(answer, boundary) : answer;
}

function withBoundary(answer: Answer, arn: string): Answer {
  const text = answer.body.toString("utf8").replace("</User>", `${boundaryXml(arn)}</User>`);
  return { ...answer, body: Buffer.from(text) };
}

/** Of the details only a user's hold his name in an element of its own. */
function withBoundaries(answer: Answer, boundaries: Map<string, string>): Answer {
  const text = [...boundaries].reduce((details, [name, arn]) => {
    const element = `<UserName>${escaped(name)}</UserName>`;
    return details.replace(element, `${element}${boundaryXml(arn)}`);
  }, answer.body.toString("utf8"));
  return { ...answer, body: Buffer.from(text) };
}

function boundaryXml(arn: string): string {
  return (
    "<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType>" +
    `<PermissionsBoundaryArn>${escaped(arn)}</PermissionsBoundaryArn></PermissionsBoundary>`
  );
}

/**
 * Whose boundary a policy is: moto knows no usage filter and lists those who have it attached.
 * Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListEntitiesForPolicy.html
 */
async function holders(request: Request, backend: Backend): Promise<Answer> {
  const answer = await backend.forward(request);
  const { PolicyUsageFilter, PolicyArn } = request.params;
  if (answer.status !== 200 || PolicyUsageFilter !== "PermissionsBoundary") return answer;
  const { users, roles } = await backend.directory();
  const under = (identities: Iterable<Identity>, kind: "User" | "Role") =>
    [...identities]
      .filter(({ boundary }) => boundary === PolicyArn)
      .map(({ name, id }) => {
        const names = `<${kind}Name>${escaped(name)}</${kind}Name><${kind}Id>${id}</${kind}Id>`;
        return `<member>${names}</member>`;
      })
      .join("");
  const result =
    `<PolicyUsers>${under(users.values(), "User")}</PolicyUsers><PolicyGroups/>` +
    `<PolicyRoles>${under(roles.values(), "Role")}</PolicyRoles><IsTruncated>false</IsTruncated>`;
  return resultAnswer(request, result);
}
