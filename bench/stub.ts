import http from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { errorAnswer, type Request, readRequest, resultAnswer } from "../drill/account/wire";

const floor: { signature(request: object): string } = require("./floor.js");

/** Whose requests the stub takes. */
export const credentials = { accessKeyId: "AKIATOURNIQUETBENCH1", secretAccessKey: "not-a-secret" };

/** What the looks before a cut find: an admin, and a group that he is in. The rest is empty. */
const FOUND: Record<string, string> = {
  GetUser: "<User><UserName>bob</UserName></User>",
  GetGroup: "<Users><member><UserName>bob</UserName></member></Users>",
  ListAttachedUserPolicies:
    "<AttachedPolicies><member><PolicyArn>arn:aws:iam::aws:policy/AdministratorAccess</PolicyArn></member></AttachedPolicies>",
};

/** A request that was answered, and when, by `performance.now()`. */
export interface Answered {
  action: string;
  status: number;
  at: number;
}

/** IAM and EC2 as thin as can be: a checked signature, a success, a fixed delay. No state. */
export class Stub {
  /** Every request answered so far; whoever measures empties it first. */
  readonly answered: Answered[] = [];
  readonly #server: http.Server;

  private constructor(latencyMs: number) {
    this.#server = http.createServer((incoming, outgoing) => {
      const parts: Buffer[] = [];
      incoming.on("data", (part) => parts.push(part));
      incoming.on("end", async () => {
        const held = sleep(latencyMs);
        const request = readRequest("POST", "/", incoming.headers, Buffer.concat(parts));
        const { status, headers, body } = answerTo(request);
        if (latencyMs > 0) await held;
        outgoing.writeHead(status, { ...headers, "content-length": body.length }).end(body);
        this.answered.push({ action: request.action, status, at: performance.now() });
      });
    });
    // A warm Lambda finds its connections open.
    this.#server.keepAliveTimeout = 60_000;
  }

  /** @param latencyMs how long each answer is held back, standing for network and service. */
  static async start(latencyMs: number): Promise<Stub> {
    const stub = new Stub(latencyMs);
    await new Promise<void>((done) => stub.#server.listen(0, "127.0.0.1", done));
    return stub;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

function answerTo(request: Request) {
  const found = `${FOUND[request.action] ?? ""}<IsTruncated>false</IsTruncated>`;
  if (isSigned(request)) return resultAnswer(request, found);
  const message = "The request signature we calculated does not match the one you provided.";
  return errorAnswer(request, { code: "SignatureDoesNotMatch", message, status: 403 });
}

/** One check for the SDK's requests and the floor's: what accepts both was not made for one. */
function isSigned({ headers, body }: Request): boolean {
  const [, key, scope = "", names = "", given] =
    /Credential=([^/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)/.exec(
      headers.authorization ?? "",
    ) ?? [];
  if (key !== credentials.accessKeyId || !headers["x-amz-date"]) return false;
  const signed = names.split(";");
  const secret = credentials.secretAccessKey;
  return given === floor.signature({ headers, signed, body, scope, secret });
}
