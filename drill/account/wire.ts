import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { XMLParser } from "fast-xml-parser";
import { s3Operation } from "./s3Operation";

/** One request to an AWS service, read from its wire form. */
export interface Request {
  /** As the credential scope names it: "iam", "ec2", "sts", "s3", "secretsmanager", "sns", "cloudtrail", "kms". */
  service: string;
  /** The API operation, e.g. "AttachUserPolicy"; for S3 the operation and not the IAM action. */
  action: string;
  accessKeyId: string;
  /** The operation's input in its own spelling; lists are arrays, scalars stay as they travelled. */
  params: Params;
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** The service that makes the call in the caller's name. */
  via?: string;
}

export type Params = Record<string, unknown>;

/** What goes back over the wire. */
export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** A refusal or fault in AWS's words. */
export interface ServiceError {
  code: string;
  message: string;
  status: number;
}

const JSON_SERVICES = ["secretsmanager", "sqs", "dynamodb", "logs", "cloudtrail", "kms"];

const NAMESPACES: Record<string, string> = {
  iam: "https://iam.amazonaws.com/doc/2010-05-08/",
  sts: "https://sts.amazonaws.com/doc/2011-06-15/",
  sns: "http://sns.amazonaws.com/doc/2010-03-31/",
  ec2: "http://ec2.amazonaws.com/doc/2016-11-15",
};

/** Reads which operation of which service a signed HTTP request asks for. */
export function readRequest(
  method: string,
  path: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
): Request {
  const scope = /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\//.exec(headers.authorization ?? "");
  const accessKeyId = scope?.[1] ?? "";
  const service = scope?.[2] ?? "";
  const common = { service, accessKeyId, method, path, headers, body };
  if (service === "s3") return { ...common, ...s3Operation(method, path, headers) };

  const target = headers["x-amz-target"];
  if (typeof target === "string") {
    return { ...common, action: target.split(".").pop() ?? "", params: jsonOf(body) };
  }
  const query = new URLSearchParams(body.toString("utf8"));
  return { ...common, action: query.get("Action") ?? "", params: nested(query) };
}

function jsonOf(body: Buffer): Params {
  try {
    return JSON.parse(body.toString("utf8") || "{}");
  } catch {
    return {};
  }
}

/**
 * The query protocols' flat names as a tree: "IpPermissions.1.IpRanges.2.CidrIp",
 * "Tags.member.1.Key". Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
 */
function nested(query: URLSearchParams): Params {
  const tree: Params = {};
  for (const [name, value] of query) {
    if (name === "Action" || name === "Version") continue;
    const steps = name.split(".").filter((step) => step !== "member");
    if (steps.includes("__proto__")) continue;
    let node = tree;
    for (const step of steps.slice(0, -1)) {
      const child = node[step];
      node[step] = typeof child === "object" ? child : {};
      node = node[step] as Params;
    }
    node[steps.at(-1) ?? name] = value;
  }
  return numberedAsLists(tree) as Params;
}

function numberedAsLists(node: unknown): unknown {
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node).map(
    ([key, value]) => [key, numberedAsLists(value)] as const,
  );
  const isList = entries.length > 0 && entries.every(([key]) => /^\d+$/.test(key));
  if (!isList) return Object.fromEntries(entries);
  return entries.sort(([a], [b]) => Number(a) - Number(b)).map(([, value]) => value);
}

const xml = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  ignoreDeclaration: true,
  isArray: (tag) => tag === "member" || tag === "item",
});

/**
 * An answer's content: the operation's output as it is spelled on the wire (IAM PascalCase, EC2
 * camelCase), lists as arrays, scalars as text. undefined for a body that is neither XML nor JSON.
 */
export function readAnswer(request: Request, answer: Answer): unknown {
  if (request.service === "s3") return undefined;
  const text = answer.body.toString("utf8");
  if (text.startsWith("{")) return JSON.parse(text);
  if (!text.startsWith("<") || text.startsWith("<!")) return undefined;
  const root = unwrapLists(xml.parse(text)) as Params;
  const response = (root[`${request.action}Response`] ?? {}) as Params;
  if (request.service === "ec2") return response;
  return response[`${request.action}Result`] || undefined;
}

function unwrapLists(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(unwrapLists);
  if (typeof node !== "object" || node === null) return node;
  const list = (node as Params).member ?? (node as Params).item;
  if (Array.isArray(list)) return list.map(unwrapLists);
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, unwrapLists(value)]));
}

/** The error inside an answer of status 300 or more. */
export function readError(answer: Answer): ServiceError {
  const text = answer.body.toString("utf8");
  const { status } = answer;
  if (text.startsWith("{")) {
    const { __type = "UnknownError", message, Message } = JSON.parse(text);
    return { code: __type.split("#").pop(), message: message ?? Message ?? "", status };
  }
  const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1];
  const message = /<Message>([^<]*)<\/Message>/.exec(text)?.[1];
  return { code: code ?? String(status), message: message ?? text.slice(0, 200), status };
}

/** An error in the form that the service's own protocol gives it. */
export function errorAnswer(request: Request, error: ServiceError): Answer {
  const { code, message, status } = error;
  const { service } = request;
  if (JSON_SERVICES.includes(service)) {
    const answer = jsonAnswer(status, { __type: code, message, Message: message });
    return { ...answer, headers: { ...answer.headers, "x-amzn-errortype": code } };
  }
  const inner = `<Code>${escaped(code)}</Code><Message>${escaped(message)}</Message>`;
  const id = randomUUID();
  if (service === "s3") {
    return xmlAnswer(status, `<Error>${inner}<RequestId>${id}</RequestId></Error>`);
  }
  if (service === "ec2") {
    const errors = `<Errors><Error>${inner}</Error></Errors>`;
    return xmlAnswer(status, `<Response>${errors}<RequestID>${id}</RequestID></Response>`);
  }
  const sender = `<Error><Type>${status < 500 ? "Sender" : "Receiver"}</Type>${inner}</Error>`;
  const root = `<ErrorResponse xmlns="${NAMESPACES[service] ?? ""}">`;
  return xmlAnswer(status, `${root}${sender}<RequestId>${id}</RequestId></ErrorResponse>`);
}

/** A success of a query-protocol operation. `result`: the XML inside its Result element. */
export function resultAnswer(request: Request, result = ""): Answer {
  const { action, service } = request;
  const metadata = `<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata>`;
  const inner = result ? `<${action}Result>${result}</${action}Result>` : "";
  const open = `<${action}Response xmlns="${NAMESPACES[service] ?? ""}">`;
  return xmlAnswer(200, `${open}${inner}${metadata}</${action}Response>`);
}

/** A success of an AWS JSON 1.1 operation. */
export function jsonResult(content: object): Answer {
  return jsonAnswer(200, content);
}

/** `text` as the content of an XML element. */
export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function xmlAnswer(status: number, text: string): Answer {
  const headers = { "content-type": "text/xml", "x-amzn-requestid": randomUUID() };
  return { status, headers, body: Buffer.from(text) };
}

function jsonAnswer(status: number, content: object): Answer {
  const headers = { "content-type": "application/x-amz-json-1.1" };
  return { status, headers, body: Buffer.from(JSON.stringify(content)) };
}
