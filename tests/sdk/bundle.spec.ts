import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import * as ec2 from "@aws-sdk/client-ec2";
import * as iam from "@aws-sdk/client-iam";
import { NormalizedSchema } from "@smithy/core/schema";
import { credentials } from "../../bench/stub";

const ROOT = path.join(__dirname, "..", "..");

type Sdk = Record<string, unknown>;
interface Request {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
}
type Client = { send(command: unknown): Promise<object> };
type Make<Made> = new (input: unknown) => Made;

const bundles = [
  { name: "ec2", client: "EC2Client", packaged: ec2 as Sdk },
  { name: "iam", client: "IAMClient", packaged: iam as Sdk },
  { name: "networkAcl", client: "EC2Client", packaged: ec2 as Sdk },
].map((one) => ({ ...one, bundled: require(`../../sdk/bin/${one.name}.js`) as Sdk }));

/** What differs from call to call: the time and what is made of it, and who sends it. */
const VARYING = /^(authorization|x-amz-date|user-agent|x-amz-user-agent|amz-sdk-.*)$/;

/** What a client sends for a command, and what it makes of an answer. */
async function talk(sdk: Sdk, client: string, command: string, input: unknown, answer: Answer) {
  const sent: Request[] = [];
  const handle = async ({ method, path, headers, body }: Request) => {
    const fixed = Object.entries(headers).filter(([name]) => !VARYING.test(name));
    sent.push({ method, path, headers: Object.fromEntries(fixed), body });
    const { status, xml } = answer;
    return { response: { statusCode: status, headers: {}, body: Buffer.from(xml) } };
  };
  const Client = sdk[client] as Make<Client>;
  const made = new Client({
    region: "us-east-1",
    credentials,
    maxAttempts: 1,
    requestHandler: { handle },
  });
  const Command = sdk[`${command}Command`] as Make<unknown>;
  const told = await made.send(new Command(input)).then(
    (output) => ({ output }),
    ({ name, message, $fault }: Error & { $fault: string }) => ({
      error: { name, message, $fault },
    }),
  );
  return { sent, told };
}

interface Answer {
  status: number;
  xml: string;
}

const DEEPEST = 6;

/** A value of a shape with every member set, as far as it does not hold itself. */
function sample(schema: NormalizedSchema, depth = 0): unknown {
  if (schema.isUnitSchema()) return {};
  if (schema.isStructSchema()) {
    if (depth > DEEPEST) return undefined;
    const members = [...schema.structIterator()];
    return Object.fromEntries(
      members.flatMap(([name, member]) => {
        const value = sample(member, depth + 1);
        return value === undefined ? [] : [[name, value]];
      }),
    );
  }
  if (schema.isListSchema()) {
    const value = sample(schema.getValueSchema(), depth + 1);
    return value === undefined ? undefined : [value];
  }
  if (schema.isBooleanSchema()) return true;
  if (schema.isNumericSchema()) return 22;
  if (schema.isTimestampSchema()) return new Date("2026-01-02T03:04:05Z");
  if (schema.isStringSchema()) return "some text";
  throw new Error(`no sample for ${schema.getName(true)}: add its kind`);
}

/** The value as EC2 and IAM write it. */
function xmlOf(schema: NormalizedSchema, value: unknown): string {
  if (schema.isUnitSchema()) return "";
  if (schema.isStructSchema()) {
    const fields = value as Record<string, unknown>;
    return [...schema.structIterator()]
      .filter(([name]) => fields[name] !== undefined)
      .map(([name, member]) => {
        const tag = tagOf(member, name);
        return `<${tag}>${xmlOf(member, fields[name])}</${tag}>`;
      })
      .join("");
  }
  if (schema.isListSchema()) {
    const item = schema.getValueSchema();
    const tag = tagOf(item, "member");
    return (value as unknown[]).map((one) => `<${tag}>${xmlOf(item, one)}</${tag}>`).join("");
  }
  return value instanceof Date ? value.toISOString() : String(value);
}

function tagOf(schema: NormalizedSchema, name: string): string {
  return String(schema.getMergedTraits().xmlName ?? name);
}

/** The last two of an operation's schema: what goes in, what comes out. */
function shapesOf(packaged: Sdk, command: string): [NormalizedSchema, NormalizedSchema] {
  const operation = packaged[`${command}$`] as unknown[];
  const [input, output] = operation.slice(4).map((one) => NormalizedSchema.of(one as never));
  return [input as NormalizedSchema, output as NormalizedSchema];
}

function commandsOf(sdk: Sdk): string[] {
  return Object.keys(sdk).flatMap((name) => /^(\w+)Command$/.exec(name)?.[1] ?? []);
}

/** The operation that a paginator calls. */
function pagedBy(paginator: string): string {
  return paginator.replace("paginate", "");
}

const handlers = readdirSync(path.join(ROOT, "functions"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => readFileSync(path.join(ROOT, "functions", name), "utf8"))
  .join("\n");

describe("bundled AWS clients", () => {
  for (const { name, client, packaged, bundled } of bundles) {
    // IAM wraps what it answers once more than EC2 does.
    const answered = (command: string, xml: string) => {
      const result = name === "iam" ? `<${command}Result>${xml}</${command}Result>` : xml;
      return `<${command}Response>${result}</${command}Response>`;
    };

    describe(name, () => {
      it("hold what the handlers use and nothing else", () => {
        const unused = Object.keys(bundled).filter((one) => !handlers.includes(`sdk.${one}`));
        assert.deepEqual(unused, []);
        assert.ok(commandsOf(bundled).length > 0);
      });

      for (const command of commandsOf(bundled)) {
        it(`send ${command} and read its answer as the packaged client does`, async () => {
          const [input, output] = shapesOf(packaged, command);
          const given = sample(input);
          const wanted = sample(output) as object;
          const answer = { status: 200, xml: answered(command, xmlOf(output, wanted)) };
          const ours = await talk(bundled, client, command, given, answer);
          const theirs = await talk(packaged, client, command, given, answer);
          assert.deepEqual(ours, theirs);
          assert.equal(ours.sent.length, 1);
          const { $metadata, ...read } = (ours.told as { output: Record<string, unknown> }).output;
          assert.deepEqual(read, wanted);
        });

        it(`name the error of ${command} as the packaged client does`, async () => {
          const [input] = shapesOf(packaged, command);
          const error = "<Code>NoSuchEntity</Code><Message>There is none</Message>";
          const xml =
            name === "iam"
              ? `<ErrorResponse><Error><Type>Sender</Type>${error}</Error></ErrorResponse>`
              : `<Response><Errors><Error>${error}</Error></Errors></Response>`;
          const answer = { status: 404, xml };
          const ours = await talk(bundled, client, command, sample(input), answer);
          const theirs = await talk(packaged, client, command, sample(input), answer);
          assert.deepEqual(ours.told, theirs.told);
          assert.match(JSON.stringify(ours.told), /NoSuchEntity.*There is none/);
        });
      }

      for (const paginator of Object.keys(bundled).filter((one) => one.startsWith("paginate"))) {
        it(`turn the pages of ${pagedBy(paginator)} as the packaged client does`, async () => {
          const command = pagedBy(paginator);
          const [, output] = shapesOf(packaged, command);
          const read = async (sdk: Sdk) => {
            const bodies: string[] = [];
            const handle = async ({ body }: Request) => {
              bodies.push(body);
              const whole = sample(output) as Record<string, unknown>;
              const last = bodies.length === 2;
              const page = last ? withoutToken(whole) : whole;
              const xml = answered(command, xmlOf(output, page));
              return { response: { statusCode: 200, headers: {}, body: Buffer.from(xml) } };
            };
            const Client = sdk[client] as Make<Client>;
            const made = new Client({
              region: "us-east-1",
              credentials,
              requestHandler: { handle },
            });
            const pages: object[] = [];
            const paginate = sdk[paginator] as (at: object, input: object) => AsyncIterable<object>;
            for await (const { $metadata, ...page } of paginate(
              { client: made },
              {},
            ) as AsyncIterable<Record<string, unknown>>) {
              pages.push(page);
            }
            return { bodies, pages };
          };
          const ours = await read(bundled);
          assert.deepEqual(ours, await read(packaged));
          assert.equal(ours.pages.length, 2);
        });
      }

      it("names the licence of every package in it", () => {
        const text = readFileSync(path.join(ROOT, "sdk", "bin", `${name}.LICENSES.txt`), "utf8");
        const packages = [...text.matchAll(/^(\S+) \d\S+, (\S+)$/gm)].map(([, who, what]) => [
          who,
          what,
        ]);
        const sdk = `@aws-sdk/client-${client.replace("Client", "").toLowerCase()}`;
        assert.ok(packages.some(([who]) => who === sdk));
        assert.deepEqual(
          packages.filter(([, what]) => !["Apache-2.0", "MIT"].includes(what ?? "")),
          [],
        );
        assert.match(text, /Apache License\s+Version 2\.0/);
      });
    });
  }
});

function withoutToken(page: Record<string, unknown>): Record<string, unknown> {
  const { NextToken, Marker, IsTruncated, ...rest } = page;
  return rest;
}
