#!/usr/bin/env node
/**
 * A stand-in for pulumi-resource-aws: the provider that the real CLI talks to in our tests. There
 * is no cloud behind it. It echoes inputs as outputs, adds what AWS would add (id, ARN, URL), holds
 * those back at preview as the real one does, and notes in a journal what it was asked to do.
 *
 * It knows no schema: a wrong property name is the compiler's to find, and what the real provider
 * would replace is shown as an update.
 *
 * The engine starts it, as `plugins/resource-aws-v<version>/pulumi-resource-aws` in PULUMI_HOME.
 * TOURNIQUET_STAND_IN_JOURNAL names the journal: a JSON object a line.
 */
// An engine that ended, maybe while we started, must not leave us behind: its pipe is closed then,
// or its children are somebody else's.
const engineProcess = process.ppid;
process.stdout.on("error", () => process.exit());
setInterval(() => process.ppid !== engineProcess && process.exit(), 500).unref();

const { createHash } = require("node:crypto");
const { appendFileSync, readdirSync, readFileSync, statSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join, posix } = require("node:path");

const sdk = createRequire(require.resolve("@pulumi/pulumi/package.json"));
const grpc = sdk("@grpc/grpc-js");
const pb = sdk("./proto/provider_pb.js");
const { ResourceProviderService } = sdk("./proto/provider_grpc_pb.js");
const { PluginInfo } = sdk("./proto/plugin_pb.js");
const { Struct } = sdk("google-protobuf/google/protobuf/struct_pb.js");
const { Empty } = sdk("google-protobuf/google/protobuf/empty_pb.js");

const { version } = require("@pulumi/aws/package.json");

/** The account and partition of the drill's capture, so that what is uploaded can be compared. */
const ACCOUNT = "123456789012";
const PARTITION = "aws";
let region = "us-east-1";

/** The engine's mark for "known after apply" (pulumi sdk/go/common/resource/plugin, rpc.go). */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** The key that marks an object as a secret, an asset or an archive (sdk/go/.../sig). */
const MARK = "4dabf18193072939515e22adb298388d";
/** Archives are large; grpc-js would stop at 4 MB. */
const LARGEST_MESSAGE = 400 * 1024 * 1024;

const plain = (struct) => struct?.toJavaScript() ?? {};
const typeOf = (urn) => urn.split("::")[2].split("$").pop();
const nameOf = (urn) => urn.split("::").slice(3).join("::");

/** What follows the account in a resource's ARN, where that is not the name alone. */
const ARN_RESOURCES = {
  "aws:cloudwatch/eventRule:EventRule": (name) => ["events", `rule/${name}`],
  "aws:cloudwatch/logGroup:LogGroup": (name) => ["logs", `log-group:${name}`],
  "aws:cloudwatch/metricAlarm:MetricAlarm": (name) => ["cloudwatch", `alarm:${name}`],
  "aws:ec2/securityGroup:SecurityGroup": (name) => ["ec2", `security-group/${name}`],
  "aws:iam/role:Role": (name) => ["iam", `role/${name}`],
  "aws:iam/user:User": (name) => ["iam", `user/${name}`],
  "aws:kms/alias:Alias": (name) => ["kms", name],
  "aws:kms/key:Key": (name) => ["kms", `key/${name}`],
  "aws:lambda/function:Function": (name) => ["lambda", `function:${name}`],
  "aws:sfn/stateMachine:StateMachine": (name) => ["states", `stateMachine:${name}`],
};

function arnOf(type, name) {
  const [service, resource] = ARN_RESOURCES[type]?.(name) ?? [type.split(/[:/]/)[1], name];
  if (service === "s3") return `arn:${PARTITION}:s3:::${name}`;
  const place = service === "iam" ? "" : region;
  return `arn:${PARTITION}:${service}:${place}:${ACCOUNT}:${resource}`;
}

function queueUrl(name) {
  return `https://sqs.${region}.amazonaws.com/${ACCOUNT}/${name}`;
}

/** The physical name: what the program gave, or one made from the logical name as Pulumi does. */
function physicalName(urn, inputs) {
  for (const given of [inputs.name, inputs.bucket]) {
    if (typeof given === "string" && given !== UNKNOWN) return given;
  }
  return `${nameOf(urn)}-${createHash("sha256").update(urn).digest("hex").slice(0, 7)}`;
}

/** What AWS answers to a creation: the inputs and what it adds. */
function created(urn, inputs) {
  const type = typeOf(urn);
  const name = physicalName(urn, inputs);
  const isQueue = type === "aws:sqs/queue:Queue";
  return {
    ...inputs,
    name,
    arn: arnOf(type, name),
    ...(isQueue && { url: queueUrl(name) }),
    id: isQueue ? queueUrl(name) : name,
  };
}

/** The same at preview: what the program gave is known, and nothing else is. */
function planned(urn, inputs) {
  const real = created(urn, inputs);
  const added = Object.keys(real).filter((key) => !(key in inputs));
  return { ...inputs, ...Object.fromEntries(added.map((key) => [key, UNKNOWN])) };
}

/** The answers to a program's questions about where it is. */
const INVOKES = {
  "aws:index/getCallerIdentity:getCallerIdentity": () => ({
    id: ACCOUNT,
    accountId: ACCOUNT,
    arn: `arn:${PARTITION}:iam::${ACCOUNT}:user/operator`,
    userId: "AIDAOPERATOR",
  }),
  "aws:index/getPartition:getPartition": () => ({
    id: PARTITION,
    partition: PARTITION,
    dnsSuffix: "amazonaws.com",
    reverseDnsPrefix: "com.amazonaws",
  }),
  "aws:index/getRegion:getRegion": () => ({
    id: region,
    region,
    name: region,
    endpoint: `ec2.${region}.amazonaws.com`,
    description: region,
  }),
};

/** Assets and archives are compared by hash, everything else as it is, in whatever order. */
function comparable(value) {
  if (Array.isArray(value)) return value.map(comparable);
  if (!value || typeof value !== "object") return value;
  if (value[MARK] && typeof value.hash === "string") return value.hash;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, comparable(one)]));
}

/** The names of the properties that differ; `__defaults` is the engine's own. */
function differing(olds, news, ignored) {
  const keys = new Set([...Object.keys(olds), ...Object.keys(news)]);
  const text = (value) => JSON.stringify(comparable(value));
  return [...keys].filter(
    (key) => !key.startsWith("__") && !ignored.includes(key) && text(olds[key]) !== text(news[key]),
  );
}

/**
 * The files of an archive, as the real provider reads them for its zip: { path: base64 }.
 * Paths on disk are relative to where the engine started us, the program's folder.
 */
function filesOf(value, at = "", files = {}) {
  if (typeof value.text === "string") {
    files[at] = Buffer.from(value.text, "utf8").toString("base64");
  } else if (value.assets) {
    for (const [name, one] of Object.entries(value.assets)) {
      filesOf(one, posix.join(at, name), files);
    }
  } else if (value.path && statSync(value.path).isDirectory()) {
    for (const name of readdirSync(value.path)) {
      filesOf({ path: join(value.path, name) }, posix.join(at, name), files);
    }
  } else if (value.path) {
    files[at] = readFileSync(value.path).toString("base64");
  } else {
    throw new Error(`the stand-in cannot read the asset at '${at}': ${Object.keys(value)}`);
  }
  return files;
}

/** Notes what was really done, with the content of a Lambda's archive; plans are not noted. */
function note(done, urn, inputs) {
  const journal = process.env.TOURNIQUET_STAND_IN_JOURNAL;
  if (!journal) return;
  const { code, ...rest } = inputs;
  const entry = { done, type: typeOf(urn), name: nameOf(urn), inputs: rest };
  if (code) entry.files = filesOf(code);
  appendFileSync(journal, `${JSON.stringify(entry)}\n`);
}

/** Makes a protobuf message by its setters: message(pb.CheckResponse, { inputs }). */
function message(Kind, fields) {
  const made = new Kind();
  for (const [name, value] of Object.entries(fields)) {
    made[`set${name[0].toUpperCase()}${name.slice(1)}`](value);
  }
  return made;
}

/** What the engine may ask, each with its answer. */
const answers = {
  handshake: () =>
    message(pb.ProviderHandshakeResponse, { acceptSecrets: true, acceptResources: true }),
  attach: () => new Empty(),
  cancel: () => new Empty(),
  getPluginInfo: () => message(PluginInfo, { version }),
  getSchema: () =>
    message(pb.GetSchemaResponse, { schema: JSON.stringify({ name: "aws", version }) }),
  checkConfig: (request) => message(pb.CheckResponse, { inputs: request.getNews() }),
  diffConfig: () => message(pb.DiffResponse, { changes: pb.DiffResponse.DiffChanges.DIFF_NONE }),
  configure(request) {
    region = plain(request.getArgs()).region ?? region;
    return message(pb.ConfigureResponse, {
      acceptsecrets: true,
      acceptresources: true,
      supportspreview: true,
    });
  },
  check: (request) => message(pb.CheckResponse, { inputs: request.getNews() }),
  diff(request) {
    const olds = plain(request.getOldInputs() ?? request.getOlds());
    const diffs = differing(olds, plain(request.getNews()), request.getIgnorechangesList());
    const { DIFF_SOME, DIFF_NONE } = pb.DiffResponse.DiffChanges;
    return message(pb.DiffResponse, {
      changes: diffs.length > 0 ? DIFF_SOME : DIFF_NONE,
      diffsList: diffs,
    });
  },
  create(request) {
    const urn = request.getUrn();
    const inputs = plain(request.getProperties());
    if (request.getPreview()) {
      const properties = Struct.fromJavaScript(planned(urn, inputs));
      return message(pb.CreateResponse, { properties });
    }
    note("create", urn, inputs);
    const outputs = created(urn, inputs);
    return message(pb.CreateResponse, {
      id: outputs.id,
      properties: Struct.fromJavaScript(outputs),
    });
  },
  read: (request) =>
    message(pb.ReadResponse, {
      id: request.getId(),
      properties: request.getProperties(),
      inputs: request.getInputs(),
    }),
  update(request) {
    const urn = request.getUrn();
    const news = plain(request.getNews());
    if (!request.getPreview()) note("update", urn, news);
    const outputs = { ...created(urn, news), id: request.getId() };
    return message(pb.UpdateResponse, { properties: Struct.fromJavaScript(outputs) });
  },
  delete(request) {
    note("delete", request.getUrn(), {});
    return new Empty();
  },
  invoke(request) {
    const token = request.getTok();
    const answer = INVOKES[token];
    if (!answer) {
      throw Object.assign(new Error(`the stand-in has no ${token}: add it to ${__filename}`), {
        code: grpc.status.UNIMPLEMENTED,
      });
    }
    return message(pb.InvokeResponse, { return: Struct.fromJavaScript(answer()) });
  },
};

/** Wraps an answer for grpc: what it throws is the call's error. */
function handler(answer) {
  return ({ request }, reply) => {
    try {
      reply(null, answer(request));
    } catch (error) {
      reply({ code: error.code ?? grpc.status.UNKNOWN, details: error.message });
    }
  };
}

const server = new grpc.Server({ "grpc.max_receive_message_length": LARGEST_MESSAGE });
server.addService(
  ResourceProviderService,
  Object.fromEntries(Object.entries(answers).map(([name, answer]) => [name, handler(answer)])),
);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  // The engine reads the port from the first line. (console.log would pass over a closed pipe.)
  process.stdout.write(`${port}\n`);
});
