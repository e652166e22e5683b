import { randomBytes } from "node:crypto";
import type { Caller, Credentials } from "./account";
import { Delayed } from "./delayed";
import type { Principal } from "./principal";
import type { Params, Request } from "./wire";

/** Whom an access key lets in. */
export interface Login {
  principal: Principal;
  active: boolean;
  /** The principal's name in reports, where it was given one. */
  label?: string;
}

/**
 * The account's access keys and sessions, by access key id, as the calls make, switch and remove
 * them. A change takes its time to count, as one of a policy does.
 */
export class Logins {
  /** Every secret value that was given out. */
  readonly secrets = new Set<string>();

  readonly #rootKey: string;
  readonly #logins = new Map<string, Login>();
  readonly #former = new Map<string, Delayed<Login | undefined>>();

  constructor(rootKey: string) {
    this.#rootKey = rootKey;
    this.reset();
  }

  /** No login but the root key that was there first. */
  reset(): void {
    this.secrets.clear();
    this.#former.clear();
    this.#logins.clear();
    this.#logins.set(this.#rootKey, root());
  }

  /** The login as it is now. */
  get(accessKeyId: string | undefined): Login | undefined {
    return this.#logins.get(accessKeyId ?? "");
  }

  /** The login as it counts. */
  effective(accessKeyId = ""): Login | undefined {
    const present = this.get(accessKeyId);
    const former = this.#former.get(accessKeyId);
    return former ? former.effective(present) : present;
  }

  /**
   * Gives a login a name for reports.
   * @throws Error where there is no such key.
   */
  name(accessKeyId: string, label: string): void {
    const login = this.get(accessKeyId);
    if (!login) throw new Error(`The account knows no access key ${accessKeyId}`);
    login.label = label;
  }

  /** The user whose key or session it is. */
  ownerOf(accessKeyId: string): string | undefined {
    const principal = this.get(accessKeyId)?.principal;
    return principal?.kind === "user" ? principal.name : undefined;
  }

  /** A user's access keys. Not the temporary ones: they begin with ASIA and are nobody's to list. */
  keysOf(userName: string): string[] {
    const ids = [...this.#logins.keys()];
    return ids.filter((id) => id.startsWith("AKIA") && this.ownerOf(id) === userName);
  }

  /** One more key of root. */
  addRootKey(): Credentials {
    const accessKeyId = `AKIA${randomBytes(8).toString("hex").toUpperCase()}`;
    this.#logins.set(accessKeyId, root());
    return { accessKeyId, secretAccessKey: randomBytes(30).toString("base64") };
  }

  /** The session that STS gave credentials for. */
  addSession(credentials: Params, principal: Principal): Credentials {
    const accessKeyId = String(credentials.AccessKeyId);
    const issued = new Date().toISOString();
    this.#logins.set(accessKeyId, { principal: { ...principal, issued }, active: true });
    return {
      accessKeyId,
      secretAccessKey: this.#secret(credentials.SecretAccessKey),
      sessionToken: this.#secret(credentials.SessionToken),
    };
  }

  /**
   * Does to the logins what a call did that succeeded.
   * @param delayMs how long a key that is switched or removed counts as before.
   */
  follow(
    { service, action, params }: Request,
    caller: Caller,
    response: unknown,
    delayMs: number,
  ): void {
    const output = (response ?? {}) as Record<string, Params | undefined>;
    if (service === "sts" && output.Credentials) {
      this.addSession(output.Credentials, sessionOf(action, params, caller));
    }
    if (service !== "iam") return;
    const accessKeyId = String(params.AccessKeyId);
    switch (action) {
      case "CreateAccessKey":
        this.#addKey(caller, output.AccessKey ?? {}, delayMs);
        break;
      case "CreateServiceSpecificCredential":
      case "ResetServiceSpecificCredential": {
        const { ServicePassword, ServiceCredentialSecret } = output.ServiceSpecificCredential ?? {};
        this.#secret(ServicePassword ?? ServiceCredentialSecret);
        break;
      }
      case "UpdateAccessKey": {
        this.#keepFormer(accessKeyId, delayMs);
        const login = this.get(accessKeyId);
        if (login) login.active = params.Status === "Active";
        break;
      }
      case "DeleteAccessKey":
        this.#remove(accessKeyId, delayMs);
        break;
      case "DeleteUser":
        // His sessions: whoever is given his name later has nothing to do with them.
        for (const [id] of this.#of(params.UserName)) this.#remove(id, delayMs);
        break;
      case "UpdateUser":
        for (const [id, { principal }] of this.#of(params.UserName)) {
          this.#keepFormer(id, delayMs);
          principal.name = String(params.NewUserName ?? principal.name);
        }
        break;
    }
  }

  /** A user's keys and sessions. */
  #of(userName: unknown): Array<[accessKeyId: string, login: Login]> {
    return [...this.#logins].filter(([id]) => this.ownerOf(id) === userName);
  }

  #addKey(caller: Caller, key: Params, delayMs: number): void {
    this.#secret(key.SecretAccessKey);
    const id = String(key.AccessKeyId);
    if (this.#logins.has(id)) return;
    const name = String(key.UserName ?? caller.name);
    this.#keepFormer(id, delayMs);
    this.#logins.set(id, { principal: { kind: "user", name }, active: true });
  }

  #remove(accessKeyId: string, delayMs: number): void {
    this.#keepFormer(accessKeyId, delayMs);
    this.#logins.delete(accessKeyId);
  }

  /** Before a login is changed: as it is, it counts a while longer. */
  #keepFormer(accessKeyId: string, delayMs: number): void {
    const login = this.get(accessKeyId);
    const former = this.#former.get(accessKeyId) ?? new Delayed();
    this.#former.set(accessKeyId, former);
    former.keep(login && { ...login, principal: { ...login.principal } }, delayMs);
  }

  #secret(value: unknown): string {
    this.secrets.add(String(value));
    return String(value);
  }
}

function sessionOf(action: string, params: Params, { kind, name }: Caller): Principal {
  if (action === "GetSessionToken") {
    return { kind, name, mfa: params.SerialNumber !== undefined };
  }
  const sessionPolicy = params.Policy as string | undefined;
  if (action === "GetFederationToken") {
    return { kind, name, federated: String(params.Name), sessionPolicy };
  }
  return {
    kind: "role",
    name: String(params.RoleArn).split("/").pop() ?? "",
    session: String(params.RoleSessionName),
    sessionPolicy,
  };
}

function root(): Login {
  return { principal: { kind: "root", name: "root" }, active: true };
}
