import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { credentials } from "@grpc/grpc-js";
import { AnalyzerClient } from "@pulumi/pulumi/proto/analyzer_grpc_pb";
import * as proto from "@pulumi/pulumi/proto/analyzer_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { type Report, reported, resourceRequest, type Shown, stackRequest } from "./harness";

/** What one policy is told: a level, and keys. */
export interface Told {
  level?: keyof typeof levels;
  [key: string]: unknown;
}

/** A policy as the pack describes it to the engine. */
export type Described = ReturnType<typeof described>;

const levels = {
  advisory: proto.EnforcementLevel.ADVISORY,
  mandatory: proto.EnforcementLevel.MANDATORY,
  disabled: proto.EnforcementLevel.DISABLED,
  remediate: proto.EnforcementLevel.REMEDIATE,
};
const levelNames = ["advisory", "mandatory", "disabled", "remediate"] as const;
const severities = ["unspecified", "low", "medium", "high", "critical"] as const;

const MB = 1024 * 1024;

/**
 * A pack in a process of its own, started and asked as the engine does it.
 *
 * @param folder of the pack: PulumiPolicy.yaml and package.json lie there.
 * @param options the Node.js to run it on, and the folder of the user's shell: this Node.js and the
 *   pack's folder where they are not said.
 * @throws where its first line is no port, with all that it printed.
 * Source: pulumi, sdk/go/common/resource/plugin/analyzer_plugin.go
 */
export async function serve(folder: string, { node = process.execPath, shell = folder } = {}) {
  const runner = createRequire(join(folder, "package.json")).resolve(
    "@pulumi/pulumi/cmd/run-policy-pack",
  );
  const child = spawn(node, [runner, "127.0.0.1:1", "."], {
    cwd: folder,
    env: {
      ...process.env,
      NODE_V8_COVERAGE: undefined,
      PULUMI_NODEJS_DRY_RUN: "true",
      PWD: shell,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stdout: string[] = [];
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const port = await new Promise<string>((resolve, reject) => {
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      stdout.push(line);
      resolve(line);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the pack exited with ${code}: ${stderr}`)));
  });
  if (!/^\d+$/.test(port)) {
    child.kill();
    throw new Error(`the pack's first line is no port: ${port}`);
  }
  const client = new AnalyzerClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": 400 * MB,
    "grpc.max_send_message_length": 400 * MB,
  });
  const analyze = promised<proto.AnalyzeRequest, proto.AnalyzeResponse>((request, done) =>
    client.analyze(request, done),
  );
  const analyzeStack = promised<proto.AnalyzeStackRequest, proto.AnalyzeResponse>((request, done) =>
    client.analyzeStack(request, done),
  );
  const remediate = promised<proto.AnalyzeRequest, proto.RemediateResponse>((request, done) =>
    client.remediate(request, done),
  );
  const info = promised<Empty, proto.AnalyzerInfo>((request, done) =>
    client.getAnalyzerInfo(request, done),
  );
  const configure = promised<proto.ConfigureAnalyzerRequest, Empty>((request, done) =>
    client.configure(request, done),
  );

  return {
    /** All that it printed on stdout so far. */
    stdout,
    /** The name, version and policies that it says it has. */
    async describe() {
      const answer = await info(new Empty());
      return {
        name: answer.getName(),
        version: answer.getVersion(),
        policies: answer.getPoliciesList().map(described),
      };
    },
    /** As the engine does after `--policy-pack-config`: every policy, its own level where none is told. */
    async configure(told: Record<string, Told>) {
      const request = new proto.ConfigureAnalyzerRequest();
      for (const policy of (await info(new Empty())).getPoliciesList()) {
        const { level, ...keys } = told[policy.getName()] ?? {};
        const config = new proto.PolicyConfig();
        config.setEnforcementlevel(level ? levels[level] : policy.getEnforcementlevel());
        config.setProperties(Struct.fromJavaScript(keys as Record<string, never>));
        request.getPolicyconfigMap().set(policy.getName(), config);
      }
      await configure(request);
    },
    /** What it reports of a program: each resource, and then all. */
    async preview(shown: Shown[]): Promise<Report[]> {
      const reports: Report[] = [];
      for (const one of shown.filter(({ imported }) => !imported)) {
        reports.push(...(await analyze(resourceRequest(one))).getDiagnosticsList().map(reported));
      }
      const whole = await analyzeStack(stackRequest(shown));
      return [...reports, ...whole.getDiagnosticsList().map(reported)];
    },
    /** What it makes of a resource's properties, by policy; empty where it leaves them alone. */
    async remediate(shown: Shown) {
      const answer = await remediate(resourceRequest(shown));
      return answer.getRemediationsList().map((one) => ({
        policy: one.getPolicyname(),
        props: one.getProperties()?.toJavaScript(),
        diagnostic: one.getDiagnostic(),
      }));
    },
    /** Ends it. */
    async stop() {
      client.close();
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.kill();
      await ended;
    },
  };
}

/** A running pack. */
export type Served = Awaited<ReturnType<typeof serve>>;

type Rpc<Request, Response> = (
  request: Request,
  callback: (error: Error | null, response: Response) => void,
) => unknown;

function promised<Request, Response>(rpc: Rpc<Request, Response>) {
  return (request: Request) =>
    new Promise<Response>((resolve, reject) => {
      rpc(request, (error, response) => (error ? reject(error) : resolve(response)));
    });
}

function described(policy: proto.PolicyInfo) {
  return {
    name: policy.getName(),
    level: levelNames[policy.getEnforcementlevel()],
    severity: severities[policy.getSeverity()],
    framework: policy.getFramework()?.toObject(),
    tags: policy.getTagsList(),
    steps: policy.getRemediationSteps(),
    url: policy.getUrl(),
    keys: Object.keys(policy.getConfigschema()?.getProperties()?.toJavaScript() ?? {}),
  };
}
