import { randomBytes } from "node:crypto";
import { type Answer, errorAnswer, escaped, type Request, resultAnswer } from "../wire";
import type { Backend, Correction } from "./correction";

/** A service-specific credential as the account keeps it: by AWS's own names, without its secret. */
export interface ServiceCredential {
  UserName: string;
  Status: string;
  /** Git credentials and Keyspaces: "jane-at-123456789012". */
  ServiceUserName?: string;
  /** API keys: the public portion. */
  ServiceCredentialAlias?: string;
  /** ISO 8601. */
  CreateDate: string;
  ExpirationDate?: string;
  ServiceSpecificCredentialId: string;
  ServiceName: string;
}

/** Of all these calls; the SDK sends what a call requires, and ownName adds the caller's name. */
interface Input {
  UserName: string;
  NewUserName?: string;
  ServiceName: string;
  ServiceSpecificCredentialId: string;
  Status: string;
  CredentialAgeDays?: string;
  AllUsers?: string;
  Marker?: string;
  MaxItems?: string;
}

/** Services with a user name and a password, and services with one long API key. */
const PASSWORDS = ["codecommit.amazonaws.com", "cassandra.amazonaws.com"];
const API_KEYS = ["bedrock.amazonaws.com", "logs.amazonaws.com"];
const QUOTA = 2;
const PAGE = 100;
const DAY_MS = 86_400_000;

/**
 * moto has no service-specific credentials (Git passwords, Keyspaces, Bedrock and CloudWatch Logs
 * API keys).
 */
export const serviceCredentials: Correction = {
  service: "iam",
  actions: [
    "CreateServiceSpecificCredential",
    "ListServiceSpecificCredentials",
    "UpdateServiceSpecificCredential",
    "ResetServiceSpecificCredential",
    "DeleteServiceSpecificCredential",
    "UpdateUser",
    "DeleteUser",
  ],
  source:
    "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html",
  async handle(request, _principal, backend) {
    switch (request.action) {
      case "CreateServiceSpecificCredential":
        return await create(request, backend);
      case "ListServiceSpecificCredentials":
        return await list(request, backend);
      case "UpdateUser":
      case "DeleteUser":
        return await follow(request, backend);
      default:
        return await change(request, backend);
    }
  },
};

async function create(request: Request, backend: Backend): Promise<Answer> {
  const { UserName, ServiceName, CredentialAgeDays } = input(request);
  const user = await backend.ask("iam", "GetUser", { UserName });
  if (user.status !== 200) return user;
  if (![...PASSWORDS, ...API_KEYS].includes(ServiceName)) return notSupported(request, ServiceName);
  const had = [...backend.serviceCredentials.values()].filter(
    (each) => each.UserName === UserName && each.ServiceName === ServiceName,
  );
  if (had.length >= QUOTA) {
    const message = `Cannot exceed quota for ServiceSpecificCredentialsPerUser: ${QUOTA}`;
    return errorAnswer(request, { code: "LimitExceeded", message, status: 409 });
  }
  const made = credential(UserName, ServiceName, CredentialAgeDays, backend.accountId, had);
  backend.serviceCredentials.set(made.ServiceSpecificCredentialId, made);
  return withSecret(request, made);
}

function credential(
  UserName: string,
  ServiceName: string,
  days: string | undefined,
  accountId: string,
  had: ServiceCredential[],
): ServiceCredential {
  const now = Date.now();
  const at = `${UserName}-at-${accountId}`;
  const first = !had.some((each) => each.ServiceUserName === at);
  return {
    UserName,
    Status: "Active",
    ...(API_KEYS.includes(ServiceName)
      ? { ServiceCredentialAlias: `${at}-${randomBytes(2).toString("hex")}` }
      : { ServiceUserName: first ? at : `${UserName}+1-at-${accountId}` }),
    CreateDate: new Date(now).toISOString(),
    ...(days && { ExpirationDate: new Date(now + Number(days) * DAY_MS).toISOString() }),
    ServiceSpecificCredentialId: `ACCA${randomBytes(8).toString("hex").toUpperCase()}`,
    ServiceName,
  };
}

async function list(request: Request, backend: Backend): Promise<Answer> {
  const { UserName, ServiceName, AllUsers, Marker, MaxItems } = input(request);
  if (AllUsers === "true" && UserName) {
    const message = "AllUsers cannot be specified together with UserName.";
    return errorAnswer(request, { code: "InvalidInput", message, status: 400 });
  }
  if (AllUsers !== "true") {
    const user = await backend.ask("iam", "GetUser", { UserName });
    if (user.status !== 200) return user;
  }
  if (ServiceName && ![...PASSWORDS, ...API_KEYS].includes(ServiceName)) {
    return notSupported(request, ServiceName);
  }
  const found = [...backend.serviceCredentials.values()].filter(
    (each) =>
      (AllUsers === "true" || each.UserName === UserName) &&
      (!ServiceName || each.ServiceName === ServiceName),
  );
  const start = Number(Marker ?? 0);
  const end = start + Number(MaxItems ?? PAGE);
  const members = found.slice(start, end).map((each) => `<member>${elements(each)}</member>`);
  const more = end < found.length;
  return resultAnswer(
    request,
    `<ServiceSpecificCredentials>${members.join("")}</ServiceSpecificCredentials>` +
      `<IsTruncated>${more}</IsTruncated>${more ? `<Marker>${end}</Marker>` : ""}`,
  );
}

/** Update, Reset and Delete: of a credential that has to be the named user's. */
async function change(request: Request, backend: Backend): Promise<Answer> {
  const { UserName, ServiceSpecificCredentialId: id, Status } = input(request);
  const user = await backend.ask("iam", "GetUser", { UserName });
  if (user.status !== 200) return user;
  const found = backend.serviceCredentials.get(id);
  if (found?.UserName !== UserName) {
    const message = `The Service Specific Credential with id ${id} cannot be found.`;
    return errorAnswer(request, { code: "NoSuchEntity", message, status: 404 });
  }
  if (request.action === "ResetServiceSpecificCredential") return withSecret(request, found);
  if (request.action === "DeleteServiceSpecificCredential") backend.serviceCredentials.delete(id);
  else found.Status = Status;
  return resultAnswer(request);
}

/** Credentials move with a renamed user. What they log in with is fixed when they are made. */
async function follow(request: Request, backend: Backend): Promise<Answer> {
  const answer = await backend.forward(request);
  if (answer.status !== 200) return answer;
  const { UserName, NewUserName } = input(request);
  for (const [id, each] of backend.serviceCredentials) {
    if (each.UserName !== UserName) continue;
    if (request.action === "DeleteUser") backend.serviceCredentials.delete(id);
    else if (NewUserName) each.UserName = NewUserName;
  }
  return answer;
}

/** Create and Reset: the one answer that holds the secret. */
function withSecret(request: Request, made: ServiceCredential): Answer {
  const name = API_KEYS.includes(made.ServiceName) ? "ServiceCredentialSecret" : "ServicePassword";
  const secret = `<${name}>${randomBytes(32).toString("base64")}</${name}>`;
  const content = `${elements(made)}${secret}`;
  return resultAnswer(request, `<ServiceSpecificCredential>${content}</ServiceSpecificCredential>`);
}

function elements(made: ServiceCredential): string {
  return Object.entries(made)
    .map(([name, value]) => `<${name}>${escaped(value)}</${name}>`)
    .join("");
}

function notSupported(request: Request, service: string): Answer {
  const message = `The service ${service} does not support service-specific credentials.`;
  return errorAnswer(request, { code: "NotSupportedService", message, status: 404 });
}

function input({ params }: Request): Input {
  return params as unknown as Input;
}
