import type { AnalyzeRequest, AnalyzeStackRequest } from "@pulumi/pulumi/proto/analyzer_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { type PackOptions, policies } from "../../policy-pack/policies";

// The SDK's own RPC functions, with its proxies, secrets and error handling, in this process. They
// have no types of their own; the messages have.
const server = require("@pulumi/policy/server");
const proto = require("@pulumi/pulumi/proto/analyzer_pb");

/** A resource as the engine shows it, with the corpus's marks for what is not plain. */
export interface Shown {
  type: string;
  name: string;
  props: Record<string, unknown>;
  /** Names of the resources that a property's value comes from. */
  deps?: Record<string, string[]>;
  /** Imported: its inputs are not shown. */
  imported?: boolean;
  /** Shown, and then not among the stack's resources. */
  deleted?: boolean;
}

/** One violation as the engine prints it. */
export interface Report {
  policy: string;
  level: "advisory" | "mandatory";
  /** Of the resource; "" for one about the whole stack. */
  name: string;
  message: string;
}

const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const SECRET = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };
const LEVELS = ["advisory", "mandatory"] as const;

/** What the pack reports of a program, over the SDK's RPC functions. */
export async function preview(
  shown: Shown[],
  options: Partial<PackOptions> = {},
): Promise<Report[]> {
  const all = policies({ folder: "/", ...options });
  const pack = ["tourniquet", "0.1.0", "advisory", all];
  const analyze = call(server.makeAnalyzeRpcFun(...pack));
  const analyzeStack = call(server.makeAnalyzeStackRpcFun(...pack));
  const reports: Report[] = [];
  for (const one of shown.filter(({ imported }) => !imported)) {
    reports.push(...(await analyze(resourceRequest(one))));
  }
  return [...reports, ...(await analyzeStack(stackRequest(shown)))];
}

/** What the engine asks of one resource. */
export function resourceRequest(one: Shown): AnalyzeRequest {
  return described(one, new proto.AnalyzeRequest());
}

/** What the engine asks at the end, of all of them. */
export function stackRequest(shown: Shown[]): AnalyzeStackRequest {
  const request = new proto.AnalyzeStackRequest();
  request.setResourcesList(
    shown
      .filter(({ deleted }) => !deleted)
      .map((one) => {
        const resource = described(one, new proto.AnalyzerResource());
        for (const [property, names] of Object.entries(one.deps ?? {})) {
          const on = new proto.AnalyzerPropertyDependencies();
          on.setUrnsList(names.map((name) => urnOf(shown, name)));
          resource.getPropertydependenciesMap().set(property, on);
        }
        return resource;
      }),
  );
  return request;
}

function call(rpc: (call: object, callback: (...answer: unknown[]) => void) => void) {
  return (request: unknown) =>
    new Promise<Report[]>((resolve, reject) =>
      rpc({ request }, (error, response) => {
        if (error) return reject(error);
        // biome-ignore lint/suspicious/noExplicitAny: the generated messages have no types here
        const diagnostics = (response as any).getDiagnosticsList();
        // biome-ignore lint/suspicious/noExplicitAny: as above
        resolve(diagnostics.map((one: any) => reported(one)));
      }),
    );
}

/** A diagnostic of the pack, as the engine prints it. */
// biome-ignore lint/suspicious/noExplicitAny: the generated messages have no types here
export function reported(diagnostic: any): Report {
  return {
    policy: diagnostic.getPolicyname(),
    level: LEVELS[diagnostic.getEnforcementlevel()] ?? "advisory",
    name: diagnostic.getUrn().split("::").at(-1) ?? "",
    message: diagnostic.getMessage(),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: the generated messages have no types here
function described({ type, name, props }: Shown, message: any): any {
  const options = new proto.AnalyzerResourceOptions();
  options.setCustomtimeouts(new proto.AnalyzerResourceOptions.CustomTimeouts());
  message.setType(type);
  message.setName(name);
  message.setUrn(`urn:pulumi:dev::tests::${type}::${name}`);
  message.setOptions(options);
  message.setProperties(Struct.fromJavaScript(wire(props) as Record<string, never>));
  return message;
}

function urnOf(shown: Shown[], name: string): string {
  const type = shown.find((one) => one.name === name)?.type ?? "pulumi:pulumi:Stack";
  return `urn:pulumi:dev::tests::${type}::${name}`;
}

/** Unknown values and secrets as they travel. */
function wire(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wire);
  if (typeof value !== "object" || value === null) return value;
  if ("$unknown" in value) return UNKNOWN;
  if ("$secret" in value) return { ...SECRET, value: wire(value.$secret) };
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, wire(held)]));
}
