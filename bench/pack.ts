import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { credentials } from "@grpc/grpc-js";
import { AnalyzerClient } from "@pulumi/pulumi/proto/analyzer_grpc_pb";
import type { AnalyzeRequest, AnalyzeResponse } from "@pulumi/pulumi/proto/analyzer_pb";
import { resourceRequest, type Shown, stackRequest } from "../tests/policy-pack/harness";

const PROJECT = path.join(__dirname, "..");
const OURS = path.join(PROJECT, "policy-pack");
const MB = 1024 * 1024;

/** Requests under way at once: the engine makes resources in parallel. */
const AT_ONCE = 16;

/** The policy pack beside a pack without policies, run by run in turn. */
export interface PackSeries {
  name: string;
  ms: number[];
  emptyMs: number[];
  /** At most this multiple of the empty pack. */
  aim: number;
}

/** How the time of the stack policy grows with the number of groups. */
export interface Growth {
  groups: number[];
  /** The fastest of the runs, for each number of groups. */
  ms: number[];
  /** Of the number of groups: 1 is linear, 2 quadratic. */
  exponent: number;
  aim: number;
}

/** Sizes of what is measured. */
export interface PackSizes {
  runs: number;
  /** Resources of the program; the groups of the growth are a tenth to four fifths of it. */
  resources: number;
}

/**
 * Measures the compiled pack over its own gRPC server: its start, a program's resources one by one
 * and then all, each beside an empty pack; and the joining of security groups with split sources.
 *
 * @throws where the pack has not been compiled, or does not find what it is shown.
 */
export async function measurePack({ runs, resources }: PackSizes) {
  const cache = path.join(PROJECT, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const empty = mkdtempSync(path.join(cache, "empty-pack-"));
  try {
    writeEmptyPack(empty);
    const series = await sideBySide(empty, runs, program(resources));
    const groups = [1, 2, 4, 8].map((tenths) => Math.ceil((resources * tenths) / 10));
    return { series, growth: await growth(groups, Math.min(runs, 2)) };
  } finally {
    rmSync(empty, { recursive: true });
  }
}

function writeEmptyPack(folder: string): void {
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
  write("PulumiPolicy.yaml", "runtime: nodejs\nmain: index.js\n");
  write("package.json", '{ "name": "empty", "version": "0.1.0", "main": "index.js" }\n');
  write(
    "index.js",
    'const { PolicyPack } = require("@pulumi/policy");\nnew PolicyPack("empty", { policies: [] });\n',
  );
}

async function sideBySide(empty: string, runs: number, shown: Shown[]): Promise<PackSeries[]> {
  const start: PackSeries = { name: "start", ms: [], emptyMs: [], aim: 1.2 };
  const name = `${shown.length} resources`;
  const whole: PackSeries = { name, ms: [], emptyMs: [], aim: 1.3 };
  const requests = shown.map(resourceRequest);
  const all = stackRequest(shown);
  for (let run = 0; run < runs; run++) {
    for (const folder of run % 2 ? [OURS, empty] : [empty, OURS]) {
      const from = performance.now();
      const pack = await startPack(folder);
      const started = performance.now();
      await pack.analyze(requests);
      await pack.analyzeStack(all);
      const ended = performance.now();
      await pack.stop();
      const key = folder === OURS ? "ms" : "emptyMs";
      start[key].push(started - from);
      whole[key].push(ended - started);
    }
  }
  return [start, whole];
}

async function growth(groups: number[], runs: number): Promise<Growth> {
  const pack = await startPack(OURS);
  try {
    // What is compiled on the way is not counted.
    await pack.analyzeStack(stackRequest(splitGroups(groups[0] as number)));
    const ms: number[] = [];
    for (const count of groups) {
      const request = stackRequest(splitGroups(count));
      const taken: number[] = [];
      for (let run = 0; run < runs; run++) {
        const from = performance.now();
        const found = await pack.analyzeStack(request);
        taken.push(performance.now() - from);
        if (found < count) throw new Error(`of ${count} open groups the pack found ${found}`);
      }
      ms.push(Math.min(...taken));
    }
    return { groups, ms, exponent: slope(groups.map(Math.log), ms.map(Math.log)), aim: 1.3 };
  } finally {
    await pack.stop();
  }
}

/** Of the straight line that fits best. */
function slope(xs: number[], ys: number[]): number {
  const mean = (list: number[]) => list.reduce((sum, one) => sum + one, 0) / list.length;
  const [x, y] = [mean(xs), mean(ys)];
  const rise = xs.reduce((sum, one, at) => sum + (one - x) * ((ys[at] as number) - y), 0);
  return rise / xs.reduce((sum, one) => sum + (one - x) ** 2, 0);
}

/** A pack in a process of its own, as the engine starts it. */
async function startPack(folder: string) {
  const runner = require.resolve("@pulumi/pulumi/cmd/run-policy-pack");
  const child = spawn(process.execPath, [runner, "127.0.0.1:1", "."], {
    cwd: folder,
    env: { ...process.env, NODE_V8_COVERAGE: undefined, PULUMI_NODEJS_DRY_RUN: "true" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const port = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("error", reject);
    child.once("exit", (code) =>
      reject(new Error(`the pack in ${folder} ended with ${code}; npm run build:pack: ${stderr}`)),
    );
  });
  const options = {
    "grpc.max_receive_message_length": 400 * MB,
    "grpc.max_send_message_length": 400 * MB,
  };
  const client = new AnalyzerClient(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  type Done = (error: Error | null, response: AnalyzeResponse) => void;
  const asked = (ask: (done: Done) => unknown) =>
    new Promise<number>((resolve, reject) =>
      ask((error, response) =>
        error ? reject(error) : resolve(response.getDiagnosticsList().length),
      ),
    );
  return {
    /** Every resource, several at once. */
    async analyze(requests: AnalyzeRequest[]): Promise<void> {
      const left = requests.values();
      const one = async () => {
        for (const request of left) await asked((done) => client.analyze(request, done));
      };
      await Promise.all(Array.from({ length: AT_ONCE }, one));
    },
    /** All resources; answers how much was reported. */
    analyzeStack: (request: ReturnType<typeof stackRequest>) =>
      asked((done) => client.analyzeStack(request, done)),
    async stop(): Promise<void> {
      client.close();
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.kill();
      await ended;
    },
  };
}

const HTTPS = { protocol: "tcp", fromPort: 443, toPort: 443, cidrBlocks: ["0.0.0.0/0"] };
const OFFICE = { protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["203.0.113.0/24"] };
const READS = { Effect: "Allow", Action: ["s3:GetObject", "s3:ListBucket"], Resource: "*" };
const TAGS = { Name: "shop", Stage: "production", Team: "blue" };

/** What ten resources of a large program are: half of them say nothing of SSH or users. */
const tenth: ((at: number) => Omit<Shown, "name">)[] = [
  () => ({
    type: "aws:ec2/securityGroup:SecurityGroup",
    props: { description: "web", vpcId: "vpc-1", ingress: [HTTPS, OFFICE], tags: TAGS },
  }),
  (at) => ({
    type: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    props: {
      securityGroupId: { $unknown: "id" },
      ipProtocol: "tcp",
      fromPort: 5432,
      toPort: 5432,
      cidrIpv4: "10.0.0.0/16",
    },
    deps: { securityGroupId: [`r${at - 1}`] },
  }),
  (at) => ({ type: "aws:iam/user:User", props: { name: `user-${at}`, path: "/", tags: TAGS } }),
  (at) => ({
    type: "aws:iam/userPolicy:UserPolicy",
    props: {
      user: `user-${at - 1}`,
      policy: JSON.stringify({ Version: "2012-10-17", Statement: [READS] }),
    },
  }),
  (at) => ({
    type: "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    props: { user: `user-${at - 2}`, policyArn: "arn:aws:iam::aws:policy/ReadOnlyAccess" },
  }),
  (at) => ({
    type: "aws:s3/bucket:Bucket",
    props: { bucket: `shop-${at}`, forceDestroy: false, tags: TAGS },
  }),
  (at) => ({
    type: "aws:lambda/function:Function",
    props: {
      name: `shop-${at}`,
      handler: "index.handler",
      runtime: "nodejs22.x",
      environment: { variables: { STAGE: "production" } },
      tags: TAGS,
    },
  }),
  (at) => ({
    type: "aws:cloudwatch/logGroup:LogGroup",
    props: { name: `/aws/lambda/shop-${at - 1}`, retentionInDays: 30, tags: TAGS },
  }),
  () => ({
    type: "aws:ec2/instance:Instance",
    props: {
      ami: "ami-1",
      instanceType: "t3.micro",
      subnetId: "subnet-1",
      ebsBlockDevices: [{ deviceName: "/dev/sda1", volumeSize: 20, encrypted: true }],
      tags: TAGS,
    },
  }),
  (at) => ({
    type: "aws:route53/record:Record",
    props: {
      zoneId: "Z1",
      name: `shop-${at}.example`,
      type: "A",
      ttl: 300,
      records: ["192.0.2.1"],
    },
  }),
];

function program(resources: number): Shown[] {
  return Array.from({ length: resources }, (_, at) => {
    const make = tenth[at % tenth.length] as (at: number) => Omit<Shown, "name">;
    return { name: `r${at}`, ...make(at) };
  });
}

/** Groups that hold one half of the internet, and a rule of its own for the other half of each. */
function splitGroups(count: number): Shown[] {
  const ssh = { fromPort: 22, toPort: 22 };
  return Array.from({ length: count }, (_, at): Shown[] => [
    {
      type: "aws:ec2/securityGroup:SecurityGroup",
      name: `g${at}`,
      props: { ingress: [{ protocol: "tcp", ...ssh, cidrBlocks: ["0.0.0.0/2", "64.0.0.0/2"] }] },
    },
    {
      type: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
      name: `r${at}`,
      props: {
        securityGroupId: { $unknown: "id" },
        ipProtocol: "tcp",
        ...ssh,
        cidrIpv4: "128.0.0.0/1",
      },
      deps: { securityGroupId: [`g${at}`] },
    },
  ]).flat();
}
