#!/usr/bin/env node
/**
 * A language host: what the Pulumi CLI starts, as `pulumi-language-nodejs` beside itself, to run
 * Node.js programs and policy packs. It starts the entry points that @pulumi/pulumi ships
 * (cmd/run, cmd/run-policy-pack). A CLI that Pulumi released has a host of its own; the one that
 * we build has none, since the host's Go module is not published.
 *
 * Left out: `pulumi install`, `pulumi about`'s packages, debuggers, and the synchronous calls of
 * old SDKs. Source of the protocol: @pulumi/pulumi, proto/language_grpc_pb.js.
 */
// An engine that ended, maybe while we started, must not leave us behind: its pipe is closed then,
// or its children are somebody else's.
const engineProcess = process.ppid;
process.stdout.on("error", () => process.exit());
setInterval(() => process.ppid !== engineProcess && process.exit(), 500).unref();

const { spawn } = require("node:child_process");
const { existsSync, readdirSync, readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { dirname, join } = require("node:path");

/** `require` as it works in a folder. */
const requireIn = (folder) => createRequire(join(folder, "package.json"));

/** The SDK is the project's own; the CLI starts us in the project. */
const sdk = createRequire(requireIn(process.cwd()).resolve("@pulumi/pulumi/package.json"));
const grpc = sdk("@grpc/grpc-js");
const pb = sdk("./proto/language_pb.js");
const { LanguageRuntimeService } = sdk("./proto/language_grpc_pb.js");
const { PackageDependency, PluginInfo } = sdk("./proto/plugin_pb.js");
const { Empty } = sdk("google-protobuf/google/protobuf/empty_pb.js");

/** cmd/run's way of saying that the user has seen the message already. */
const ALREADY_REPORTED = 32;
const LARGEST_MESSAGE = 400 * 1024 * 1024;

let engine = process.argv.slice(2).find((word) => !word.startsWith("-")) ?? "";
const children = new Set();

/** `runtime.options` of Pulumi.yaml or PulumiPolicy.yaml. */
const optionsOf = (info) => info?.getOptions()?.toJavaScript() ?? {};

function optionsAsEnvironment({ typescript, tsconfig }) {
  return {
    ...(typescript !== false && { PULUMI_NODEJS_TYPESCRIPT: "true" }),
    ...(tsconfig && { PULUMI_NODEJS_TSCONFIG_PATH: tsconfig }),
  };
}

const nodeArguments = ({ nodeargs = "" }) => nodeargs.split(/\s+/).filter(Boolean);

function start(args, options) {
  const child = spawn("node", args, options);
  children.add(child);
  child.on("close", () => children.delete(child));
  return child;
}

/** The providers that the packages installed in a folder, or the next one above it, speak to. */
function requiredProviders(folder) {
  const scope = join(folder, "node_modules", "@pulumi");
  const found = existsSync(scope)
    ? readdirSync(scope).flatMap((name) => provider(scope, name))
    : [];
  const above = dirname(folder);
  return found.length > 0 || above === folder ? found : requiredProviders(above);
}

function provider(scope, name) {
  const file = join(scope, name, "package.json");
  if (!existsSync(file)) return [];
  const { pulumi, version } = JSON.parse(readFileSync(file, "utf8"));
  if (!pulumi?.resource) return [];
  const dependency = new PackageDependency();
  dependency.setName(pulumi.name ?? name);
  dependency.setKind("resource");
  dependency.setVersion(`v${pulumi.version ?? version}`);
  return [dependency];
}

/** The command line of cmd/run for a program. */
function runArguments(request, entry) {
  const info = request.getInfo();
  const flags = {
    monitor: request.getMonitorAddress(),
    engine,
    organization: request.getOrganization(),
    project: request.getProject(),
    "root-directory": info.getRootDirectory(),
    stack: request.getStack(),
    pwd: info.getProgramDirectory(),
    parallel: request.getParallel(),
  };
  return [
    ...nodeArguments(optionsOf(info)),
    entry,
    ...Object.entries(flags).flatMap(([flag, value]) => (value ? [`--${flag}`, `${value}`] : [])),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    info.getEntryPoint(),
    ...request.getArgsList(),
  ];
}

function runEnvironment(request) {
  return {
    ...process.env,
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().toArray())),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    ...optionsAsEnvironment(optionsOf(request.getInfo())),
  };
}

function run({ request }, reply) {
  const end = (error, reported = false) => {
    const response = new pb.RunResponse();
    response.setError(error);
    response.setBail(reported);
    reply(null, response);
  };
  let entry;
  try {
    entry = requireIn(request.getInfo().getProgramDirectory()).resolve("@pulumi/pulumi/cmd/run");
  } catch {
    return end("@pulumi/pulumi is not installed here: run npm install");
  }
  const child = start(runArguments(request, entry), {
    stdio: ["ignore", "inherit", "inherit"],
    env: runEnvironment(request),
  });
  child.on("error", (error) => end(`node did not start: ${error.message}`));
  child.on("close", (code, signal) => {
    if (code === 0) end("");
    else if (code === ALREADY_REPORTED) end("", true);
    else end(`the program ended with ${signal ?? `exit code ${code}`}`);
  });
}

/** The environment arrives as a list: "NAME=value". */
function environmentOf(request) {
  return Object.fromEntries(
    request.getEnvList().map((text) => {
      const equals = text.indexOf("=");
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

/** A policy pack's process: what it prints is streamed, its first line is its port. */
function runPlugin(call) {
  const { request } = call;
  const folder = request.getInfo().getProgramDirectory();
  const options = optionsOf(request.getInfo());
  const say = (field, value) => {
    const response = new pb.RunPluginResponse();
    response[`set${field}`](value);
    call.write(response);
  };
  const fail = (code, error) => call.emit("error", { code, details: error.message });
  if (request.getKind() !== "analyzer") {
    return fail(grpc.status.UNIMPLEMENTED, new Error(`no ${request.getKind()} plugins here`));
  }
  let entry;
  try {
    entry = requireIn(folder).resolve("@pulumi/pulumi/cmd/run-policy-pack");
  } catch (error) {
    return fail(grpc.status.FAILED_PRECONDITION, error);
  }
  const child = start([...nodeArguments(options), entry, ...request.getArgsList(), folder], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...environmentOf(request), ...optionsAsEnvironment(options) },
  });
  child.stdout.on("data", (data) => say("Stdout", data));
  child.stderr.on("data", (data) => say("Stderr", data));
  child.on("error", (error) => fail(grpc.status.INTERNAL, error));
  child.on("close", (code) => {
    say("Exitcode", code ?? 1);
    call.end();
  });
  call.on("cancelled", () => child.kill("SIGINT"));
}

const service = {
  handshake({ request }, reply) {
    engine = request.getEngineAddress() || engine;
    reply(null, new pb.LanguageHandshakeResponse());
  },
  getPluginInfo(_call, reply) {
    const info = new PluginInfo();
    info.setVersion(sdk("./package.json").version);
    reply(null, info);
  },
  getRequiredPackages({ request }, reply) {
    const response = new pb.GetRequiredPackagesResponse();
    response.setPackagesList(requiredProviders(request.getInfo().getProgramDirectory()));
    reply(null, response);
  },
  run,
  runPlugin,
  about(_call, reply) {
    const response = new pb.AboutResponse();
    response.setExecutable(process.execPath);
    response.setVersion(process.version);
    reply(null, response);
  },
  runtimeOptionsPrompts: (_call, reply) => reply(null, new pb.RuntimeOptionsResponse()),
  cancel(_call, reply) {
    for (const child of children) child.kill("SIGINT");
    reply(null, new Empty());
  },
};

const server = new grpc.Server({ "grpc.max_receive_message_length": LARGEST_MESSAGE });
server.addService(LanguageRuntimeService, service);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  // The engine reads the port from the first line. (console.log would pass over a closed pipe.)
  process.stdout.write(`${port}\n`);
});
