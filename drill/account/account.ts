import { randomUUID } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { type Authority, authorize } from "./authorize";
import { answerOf } from "./corrections";
import type { Backend } from "./corrections/correction";
import type { ServiceCredential } from "./corrections/serviceCredentials";
import { Delayed } from "./delayed";
import { type Directory, plainDocument, readDirectory } from "./directory";
import { eventHistory } from "./eventHistory";
import { type Fault, Faults, faulty, type ReadyFault } from "./faults";
import { Logins } from "./logins";
import { type Moto, startMoto } from "./moto";
import { type Principal, principalArn } from "./principal";
import { keyCalls, type Secret } from "./secretKeys";
import { content, Upstream } from "./upstream";
import {
  type Answer,
  errorAnswer,
  jsonResult,
  type Params,
  type Request,
  readAnswer,
  readError,
  readRequest,
  type ServiceError,
} from "./wire";

/** What an SDK client signs with. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Who made a call, as CloudTrail's userIdentity tells it. */
export interface Caller extends Principal {
  arn: string;
  /** Unique id of the user or role, e.g. "AIDA…"; the account id for root. */
  id: string;
  /** The ARN of the user behind a federated user. */
  issuerArn?: string;
}

/** One call that reached the account, refused ones included. Secrets are left out of it. */
export interface Call {
  /** CloudTrail's eventID. */
  id: string;
  /** CloudTrail's eventTime. */
  time: Date;
  service: string;
  action: string;
  /** The name given by `name()`, else the user's or role's name, or "owner" for root. */
  principal: string;
  principalKind: "root" | "user" | "role";
  accessKeyId: string;
  caller: Caller;
  params: Params;
  /** The operation's output as it is spelled on the wire, lists as arrays. */
  response?: unknown;
  errorCode?: string;
  errorMessage?: string;
  status: number;
  /** The service that made the call in the caller's name. */
  via?: string;
  /** It failed because `fail` asked for it. */
  injected?: true;
  userAgent: string;
  /** When it arrived, and how long it took: milliseconds of performance.now(). */
  at: number;
  ms: number;
}

/** A call that arrives, and by which key. */
export type Arrival = Pick<Request, "service" | "action"> & { accessKeyId: string };

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

/** Calls that need not empty the cached directory. */
const READS = /^(Get|List|Describe|Head|AssumeRole)/;

/** What Secrets Manager says where it may not use a secret's key in the caller's name. */
const KEY_REFUSED: ServiceError = {
  code: "AccessDeniedException",
  message: "Access to KMS is not allowed",
  status: 400,
};

const SECRETS = [
  "Password",
  "NewPassword",
  "SecretAccessKey",
  "SessionToken",
  "SecretString",
  "ServicePassword",
  "ServiceCredentialSecret",
];

/**
 * An AWS account on this machine: moto, behind a proxy that knows who calls, refuses what their
 * policies do not allow, puts right what moto gets wrong, and records every call.
 *
 * Signatures are not verified; a key must exist and be active.
 */
export class Account {
  readonly accountId = "123456789012";
  readonly region = "us-east-1" as const;
  readonly calls: Call[] = [];
  /**
   * LookupEvents shows a call this many ms after it was answered; in AWS, minutes after it.
   * Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html
   */
  trailDelayMs = 0;
  /**
   * A change of users, policies, boundaries or keys decides authorizations this many ms after it
   * was answered. Looks show it at once: in AWS they may be late too, but what a look finds must not
   * be taken for what an attacker may no longer do.
   */
  iamDelayMs = 0;
  /**
   * Every answer is held back this many ms, as a network does: calls that wait for each other are
   * then told from calls that a busy machine sends one after the other.
   */
  answerDelayMs = 0;
  readonly owner: Credentials = { accessKeyId: "AKIAOWNER00000000000", secretAccessKey: "owner" };

  readonly #moto: Upstream;
  readonly #started: Moto | undefined;
  readonly #server = http.createServer((incoming, outgoing) => this.#serve(incoming, outgoing));
  readonly #logins = new Logins(this.owner.accessKeyId);
  readonly #boundaries = new Map<string, string>();
  readonly #serviceCredentials = new Map<string, ServiceCredential>();
  readonly #awsManaged = new Map<string, string>();
  readonly #faults = new Faults();
  #listeners: Array<(call: Call) => void> = [];
  #ahead: ((request: Arrival) => Promise<void> | undefined) | undefined;
  #directory: Promise<Directory> | undefined;
  #formerDirectory = new Delayed<Directory>();
  #effectiveAt = 0;

  private constructor(backend: string, moto?: Moto) {
    this.#moto = new Upstream(new URL(backend), this);
    this.#started = moto;
    // Node closes a connection after 5 idle seconds, just as a client may send its next call on it.
    this.#server.keepAliveTimeout = 0;
  }

  /**
   * Starts the account.
   *
   * @param options.endpoint an already running moto_server; without it one is started.
   * @throws Error naming an endpoint that is not on this machine.
   */
  static async start(options: { endpoint?: string } = {}): Promise<Account> {
    const { endpoint } = options;
    if (endpoint !== undefined && !LOOPBACK.includes(new URL(endpoint).hostname)) {
      throw new Error(`The endpoint ${endpoint} is not this machine: use http://127.0.0.1:PORT`);
    }
    const moto = endpoint === undefined ? await startMoto() : undefined;
    const account = new Account(moto?.endpoint ?? (endpoint as string), moto);
    account.#server.listen(0, "127.0.0.1");
    await once(account.#server, "listening");
    return account;
  }

  /** Where SDK clients connect. An IP address: the S3 client then puts the bucket in the path. */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Every secret value that the account gave out; none may turn up in a log or a state. */
  get secrets(): ReadonlySet<string> {
    return this.#logins.secrets;
  }

  /** Credentials as the Lambda service gets them for a function's role: no trust is asked. */
  async roleCredentials(roleArnOrName: string, session = "drill"): Promise<Credentials> {
    const name = roleArnOrName.split("/").pop() ?? roleArnOrName;
    const role = (await this.#readDirectory()).roles.get(name);
    if (!role) throw new Error(`The account has no role "${roleArnOrName}"`);
    const params = { RoleArn: role.arn, RoleSessionName: session };
    const answer = await this.#moto.ask("sts", "AssumeRole", params);
    const { Credentials } = content("sts", "AssumeRole", answer) as { Credentials: Params };
    return this.#logins.addSession(Credentials, { kind: "role", name, session });
  }

  /** Gives a login a name for reports. */
  name(accessKeyId: string, principal: string): void {
    this.#logins.name(accessKeyId, principal);
  }

  /** Told of every call, before its answer goes out. */
  onCall(listener: (call: Call) => void): void {
    this.#listeners.push(listener);
  }

  /** Asked at every call that arrives: what it does comes before the call takes effect. */
  onArrival(ahead: (request: Arrival) => Promise<void> | undefined): void {
    this.#ahead = ahead;
  }

  /** Makes calls fail, e.g. with Throttling. */
  fail(fault: Fault): void {
    this.#faults.add(fault);
  }

  /** Resolves once every change made so far has taken effect. */
  async inEffect(): Promise<void> {
    const ms = this.#effectiveAt - performance.now();
    if (ms > 0) await setTimeout(ms);
  }

  /** A fresh account: no users, no calls, no listeners, no faults; the owner stays. */
  async reset(): Promise<void> {
    const answer = await fetch(new URL("/moto-api/reset", this.#moto.url), { method: "POST" });
    if (!answer.ok) throw new Error(`moto's reset failed: ${answer.status} ${await answer.text()}`);
    this.calls.length = 0;
    this.trailDelayMs = 0;
    this.iamDelayMs = 0;
    this.answerDelayMs = 0;
    this.#formerDirectory = new Delayed();
    this.#effectiveAt = 0;
    this.#logins.reset();
    this.#boundaries.clear();
    this.#serviceCredentials.clear();
    this.#faults.clear();
    this.#listeners = [];
    this.#ahead = undefined;
    this.#directory = undefined;
  }

  /** Closes every connection, and ends moto where this account started it. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#moto.destroy();
    await Promise.all([closed, this.#started?.stop()]);
  }

  async #serve(incoming: http.IncomingMessage, outgoing: http.ServerResponse): Promise<void> {
    const at = performance.now();
    const { method = "GET", url = "/", headers } = incoming;
    const body = await bodyOf(incoming);
    if (body === undefined) return;
    const request = readRequest(method, url, headers, body);
    const { service, action, accessKeyId = "" } = request;
    try {
      await this.#ahead?.({ service, action, accessKeyId });
      const caller = await this.#callerOf(request.accessKeyId);
      const fault = caller && this.#takeFault(request, caller);
      const prevented = fault && fault.answer !== "lost" ? fault : undefined;
      const answer = prevented ? faulty(request, prevented) : await this.#answer(request, caller);
      if (this.answerDelayMs > 0) await setTimeout(this.answerDelayMs);
      this.#record(request, caller, answer, at, prevented);
      if (fault?.answer !== "none" && fault?.answer !== "lost") send(request, answer, outgoing);
    } catch (error) {
      // 501 is none of the codes that SDKs retry.
      const message = `The stand-in failed: ${error instanceof Error ? error.stack : error}`;
      const failure = { code: "NotImplemented", message, status: 501 };
      send(request, errorAnswer(request, failure), outgoing);
    }
  }

  async #answer(request: Request, caller: Caller | undefined): Promise<Answer> {
    if (!caller || !this.#logins.effective(request.accessKeyId)?.active)
      return errorAnswer(request, badKey(request.service));
    const authority = await this.#authority(caller);
    const refusal = await authorize(request, caller, authority);
    const keyRefusal = refusal ?? (await this.#useKey(request, caller, authority));
    if (keyRefusal) return errorAnswer(request, keyRefusal);
    const answer = await answerOf(request, caller, this.#corrected());
    if (isBreakdown(answer)) return errorAnswer(request, missingInMoto(request));
    // After the change: a look that began during it may have seen the old state.
    if (request.service === "iam" && !READS.test(request.action)) {
      this.#formerDirectory.keep(authority.directory, this.iamDelayMs);
      this.#effectiveAt = performance.now() + this.iamDelayMs;
      this.#directory = undefined;
    }
    if (answer.status < 300) {
      this.#logins.follow(request, caller, readAnswer(request, answer), this.iamDelayMs);
    }
    return answer;
  }

  /** What a service calls in the caller's name; the refusal of the call that the caller may not. */
  async #useKey(
    request: Request,
    caller: Caller,
    authority: Authority,
  ): Promise<ServiceError | undefined> {
    for (const call of await keyCalls(request, (id) => this.#secretOf(id))) {
      const at = performance.now();
      const refusal = await authorize(call, caller, authority);
      this.#record(call, caller, refusal ? errorAnswer(call, refusal) : jsonResult({}), at);
      if (refusal) return refusal.status === 501 ? refusal : KEY_REFUSED;
    }
    return undefined;
  }

  async #callerOf(accessKeyId: string): Promise<Caller | undefined> {
    const principal = this.#logins.effective(accessKeyId)?.principal;
    if (!principal) return undefined;
    const { accountId } = this;
    const arn = principalArn(principal, accountId);
    if (principal.kind === "root") return { ...principal, arn, id: accountId };
    const directory = this.#formerDirectory.effective(await this.#readDirectory());
    const identities = principal.kind === "user" ? directory.users : directory.roles;
    const identity = identities.get(principal.name);
    if (!identity) return undefined;
    return {
      ...principal,
      arn: principalArn(principal, accountId, identity.arn),
      id: identity.id,
      ...(principal.federated && { issuerArn: identity.arn }),
    };
  }

  /** A key that is none (any more) is told so, whatever the scenario asked for. */
  #takeFault({ service, action, accessKeyId }: Request, { name }: Caller): ReadyFault | undefined {
    if (!this.#logins.effective(accessKeyId)?.active) return undefined;
    return this.#faults.take(service, action, name);
  }

  async #authority(caller: Caller): Promise<Authority> {
    const directory = await this.#readDirectory();
    return {
      accountId: this.accountId,
      region: this.region,
      directory,
      effective: this.#formerDirectory.effective(directory),
      callerName: caller.kind === "user" ? caller.name : undefined,
      ownerOfKey: (accessKeyId) => this.#logins.ownerOf(accessKeyId),
      groupIdOf: async (name) => {
        const filter = { "Filter.1.Name": "group-name", "Filter.1.Value.1": name };
        const answer = await this.#moto.ask("ec2", "DescribeSecurityGroups", filter);
        const groups = content("ec2", "DescribeSecurityGroups", answer)?.securityGroupInfo;
        return Array.isArray(groups) ? groups[0]?.groupId : undefined;
      },
      secretArn: async (name) => (await this.#secretOf(name))?.ARN,
      awsManaged: (arn) => this.#awsManagedDocument(arn),
    };
  }

  /** One look at all identities, kept until the next change. */
  #readDirectory(): Promise<Directory> {
    this.#directory ??= this.#look().catch((error) => {
      this.#directory = undefined;
      throw error;
    });
    return this.#directory;
  }

  async #look(): Promise<Directory> {
    const kinds = ["User", "Role", "Group", "LocalManagedPolicy"];
    const filter = Object.fromEntries(kinds.map((kind, i) => [`Filter.member.${i + 1}`, kind]));
    const answer = await this.#moto.ask("iam", "GetAccountAuthorizationDetails", filter);
    const details = content("iam", "GetAccountAuthorizationDetails", answer);
    const directory = readDirectory(details ?? {});
    for (const [name, arn] of this.#boundaries) {
      const user = directory.users.get(name);
      if (user) user.boundary = arn;
    }
    return directory;
  }

  async #awsManagedDocument(PolicyArn: string): Promise<string | undefined> {
    const known = this.#awsManaged.get(PolicyArn);
    if (known !== undefined) return known;
    const policy = await this.#moto.ask("iam", "GetPolicy", { PolicyArn });
    if (policy.status !== 200) return undefined;
    const { Policy } = content("iam", "GetPolicy", policy) as { Policy: Params };
    const VersionId = String(Policy.DefaultVersionId);
    const version = await this.#moto.ask("iam", "GetPolicyVersion", { PolicyArn, VersionId });
    const found = content("iam", "GetPolicyVersion", version) as { PolicyVersion: Params };
    const document = plainDocument(String(found.PolicyVersion.Document));
    this.#awsManaged.set(PolicyArn, document);
    return document;
  }

  async #secretOf(SecretId: string): Promise<Secret | undefined> {
    const answer = await this.#moto.askJson("secretsmanager", "DescribeSecret", { SecretId });
    return answer.status === 200 ? JSON.parse(answer.body.toString("utf8")) : undefined;
  }

  #corrected(): Backend {
    return {
      accountId: this.accountId,
      boundaries: this.#boundaries,
      serviceCredentials: this.#serviceCredentials,
      directory: () => this.#readDirectory(),
      ownerOfKey: (accessKeyId) => this.#logins.ownerOf(accessKeyId),
      keysOf: (userName) => this.#logins.keysOf(userName),
      forward: (request) => this.#moto.forward(request),
      ask: (service, action, params) => this.#moto.ask(service, action, params),
      events: (question) => eventHistory(this.#arrivedCalls(), this, question),
      rootKey: () => this.#logins.addRootKey(),
    };
  }

  #arrivedCalls(): Call[] {
    const arrived = performance.now() - this.trailDelayMs;
    return this.calls.filter(({ at, ms }) => at + ms <= arrived);
  }

  #record(
    request: Request,
    caller: Caller | undefined,
    answer: Answer,
    at: number,
    fault?: ReadyFault,
  ): void {
    const { service, action, accessKeyId, params, headers, via } = request;
    const error = fault ?? (answer.status >= 300 ? readError(answer) : undefined);
    const login = this.#logins.get(accessKeyId);
    const unknown: Caller = { kind: "user", name: accessKeyId, arn: "", id: "" };
    const who = caller ?? { ...unknown, ...login?.principal };
    const call: Call = {
      id: randomUUID(),
      time: new Date(performance.timeOrigin + at),
      service,
      action,
      principal: login?.label ?? (who.kind === "root" ? "owner" : who.name),
      principalKind: who.kind,
      accessKeyId,
      caller: who,
      params: withoutSecrets(params) as Params,
      status: answer.status,
      userAgent: String(headers["user-agent"] ?? ""),
      ...(fault && { injected: true }),
      ...(via && { via }),
      at,
      ms: performance.now() - at,
      ...(error
        ? { errorCode: error.code, errorMessage: error.message }
        : { response: withoutSecrets(readAnswer(request, answer)) }),
    };
    this.calls.push(call);
    for (const listener of this.#listeners) listener(call);
  }
}

/** undefined when the caller hung up before the end, as a Lambda does that is out of time. */
async function bodyOf(incoming: http.IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

/** moto's page for an operation that it lacks, which SDKs retry and then fail to parse. */
function isBreakdown({ status, body }: Answer): boolean {
  return status === 500 && /^<!doctype html/i.test(body.toString("utf8", 0, 20));
}

function missingInMoto({ service, action }: Request): ServiceError {
  const message = `moto lacks ${service}:${action}, or broke on it: see drill/account/corrections/`;
  return { code: "NotImplemented", message, status: 501 };
}

function send({ method }: Request, answer: Answer, outgoing: http.ServerResponse): void {
  const { status, headers, body } = answer;
  // A correction may have changed the body; an answer to HEAD tells a length and has no body.
  const length = method === "HEAD" ? {} : { "content-length": String(body.length) };
  outgoing.writeHead(status, { ...headers, ...length }).end(body);
}

/**
 * An unknown, deleted or inactive key, in each protocol's words.
 * Source: "Common errors" of the API references; EC2 and S3 have their own lists.
 */
function badKey(service: string): ServiceError {
  const invalid = "The security token included in the request is invalid.";
  if (service === "ec2") {
    const message = "AWS was not able to validate the provided access credentials";
    return { code: "AuthFailure", message, status: 401 };
  }
  if (service === "s3") {
    const message = "The AWS Access Key Id you provided does not exist in our records.";
    return { code: "InvalidAccessKeyId", message, status: 403 };
  }
  if (["secretsmanager", "sqs", "cloudtrail"].includes(service)) {
    return { code: "UnrecognizedClientException", message: invalid, status: 400 };
  }
  return { code: "InvalidClientTokenId", message: invalid, status: 403 };
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !SECRETS.includes(key));
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutSecrets(inner)]));
}
