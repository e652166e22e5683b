import http from "node:http";
import { type Answer, type Params, type Request, readAnswer, readError } from "./wire";

/** What the stand-in behind the account has to know of it. */
interface Owned {
  accountId: string;
  region: string;
  owner: { accessKeyId: string };
}

/** The connection to moto. An answer of it is handed on as it is, errors too. */
export class Upstream {
  readonly #agent = new http.Agent({ keepAlive: true });

  constructor(
    readonly url: URL,
    private readonly account: Owned,
  ) {}

  destroy(): void {
    this.#agent.destroy();
  }

  /** Asks in the owner's name, past the corrections and whatever a scenario asks for. */
  async ask(service: string, action: string, params: Record<string, string>): Promise<Answer> {
    const versions: Record<string, string> = { iam: "2010-05-08", sts: "2011-06-15" };
    const Version = versions[service] ?? "2016-11-15";
    const body = Buffer.from(
      new URLSearchParams({ Action: action, Version, ...params }).toString(),
    );
    return await this.forward(this.#ownRequest(service, action, body));
  }

  /** The same of a service that speaks JSON. */
  askJson(service: string, action: string, input: object): Promise<Answer> {
    const body = Buffer.from(JSON.stringify(input));
    return this.forward({
      ...this.#ownRequest(service, action, body),
      headers: {
        ...this.#ownHeaders(service, body),
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": `${service}.${action}`,
      },
    });
  }

  #ownRequest(service: string, action: string, body: Buffer): Request {
    const { accessKeyId } = this.account.owner;
    const headers = this.#ownHeaders(service, body);
    return { service, action, accessKeyId, params: {}, method: "POST", path: "/", headers, body };
  }

  #ownHeaders(service: string, body: Buffer): Record<string, string> {
    const scope = `${this.account.owner.accessKeyId}/20260101/${this.account.region}/${service}/aws4_request`;
    return {
      host: this.url.host,
      "content-type": "application/x-www-form-urlencoded; charset=utf-8",
      "content-length": String(body.length),
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
    };
  }

  /** Hands a request on as it is. */
  forward({ method, path, headers, body }: Request): Promise<Answer> {
    const { "transfer-encoding": _, expect: __, ...kept } = headers;
    return new Promise((resolve, reject) => {
      const outgoing = http.request(
        {
          agent: this.#agent,
          host: this.url.hostname,
          port: this.url.port,
          method,
          path,
          headers: {
            ...kept,
            connection: "keep-alive",
            "content-length": String(body.length),
            // Without it moto derives the account from the key, and a role's account from its ARN.
            "x-moto-account-id": this.account.accountId,
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
          incoming.on("error", reject);
          incoming.on("end", () => {
            const { "transfer-encoding": _, connection: __, ...kept } = incoming.headers;
            const status = incoming.statusCode ?? 502;
            resolve({ status, headers: kept, body: Buffer.concat(chunks) });
          });
        },
      );
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }
}

/** What an answer holds, as it is spelled on the wire. @throws where moto refused. */
export function content(service: string, action: string, answer: Answer): Params | undefined {
  if (answer.status >= 300) {
    throw new Error(`moto's ${service}:${action} failed: ${readError(answer).message}`);
  }
  return readAnswer({ service, action } as Request, answer) as Params | undefined;
}
