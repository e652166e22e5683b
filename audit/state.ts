import { type Fact, fields, list } from "../policy-pack/facts";
import { Program } from "../policy-pack/program";
import type { Props, Resource } from "../policy-pack/resource";
import { factsOf } from "../policy-pack/surfaces";
import type { Subject } from "./audit";

/** What a stack's exported state says there is. */
export interface State extends Subject {
  /** The line of the file, from 1, on which each resource's URN stands. */
  lines: Map<string, number>;
}

/**
 * One resource of a deployment, as far as it is read.
 * Source: ResourceV3, https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/core.go
 */
interface StateResource {
  urn: string;
  type: string;
  id?: string;
  inputs?: Props;
  outputs?: Props;
  /** Read, and not managed, by the stack. */
  external?: boolean;
  /** Replaced, and still there: its deletion is pending. */
  delete?: boolean;
  /** Deleted already: its replacement is pending. */
  pendingReplacement?: boolean;
  propertyDependencies?: Record<string, string[] | null>;
}

/** Marks what is no plain value, and a secret among that. Source: sdk/go/common/resource/sig/sig.go */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

const WANTED = "it has to be what `pulumi stack export` prints";

/**
 * Reads what `pulumi stack export` prints.
 *
 * The inputs tell what the program wants, as at preview; what they leave out, the outputs tell. An
 * encrypted value is "unknown".
 *
 * @throws Error saying what the file is instead.
 */
export function readState(text: string): State {
  const { resources, pending_operations: pending } = deploymentOf(text);
  const there = resources.filter((one) => !one.pendingReplacement);
  return {
    resources: withoutRepeats(there.map(resourcesOf)),
    lines: linesOf(text, resources),
    notes: list(pending).length > 0 ? [interrupted(list(pending).length)] : [],
    worded: (finding) => ({
      ...finding,
      subjects: finding.subjects.map((names) => names.map((name) => name.replace(PENDING, ""))),
    }),
  };
}

/** What marks the old one of a replacement's two, which share a URN; exempt are both by that. */
const PENDING = " (pending deletion)";

function shownUrn({ urn, delete: pending }: StateResource): string {
  return pending ? `${urn}${PENDING}` : urn;
}

function interrupted(operations: number): string {
  return `an interrupted update left ${operations} pending: what that made is not in this state; run pulumi refresh`;
}

interface Deployment {
  resources: StateResource[];
  pending_operations?: unknown;
}

function deploymentOf(text: string): Deployment {
  const { version, deployment } = fields(parsed(text));
  if (version !== 3 && version !== 4) {
    throw new Error(`its version is ${shown(version)}, and 3 or 4 can be read: ${WANTED}`);
  }
  // A stack without resources has none of the key.
  const { resources = [], pending_operations } = fields(deployment);
  if (typeof deployment !== "object" || deployment === null || !Array.isArray(resources)) {
    throw new Error(`it has no list deployment.resources: ${WANTED}`);
  }
  for (const [index, one] of resources.entries()) {
    const { urn, type } = fields(one);
    if (typeof urn !== "string" || typeof type !== "string") {
      throw new Error(`deployment.resources[${index}] has no urn and type: ${WANTED}`);
    }
  }
  return { resources, pending_operations };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words quote the text, and a state may hold secrets.
    throw new Error(`it is no JSON: ${WANTED}`);
  }
}

/** One entry's resources, and whether the inbound rules in it are none of the program's own. */
interface Read {
  resources: Resource[];
  observed: boolean;
}

/** One program for each entry: what refers to a replacement's URN means the one that stays. */
function resourcesOf(one: StateResource): Read {
  const { type, id, external } = one;
  const urn = shownUrn(one);
  const name = one.urn.split("::").slice(3).join("::");
  const inputs = opened(one.inputs ?? {}) as Props;
  const outputs = { ...(opened(one.outputs ?? {}) as Props), ...(id !== undefined && { id }) };
  const program = new Program();
  if (!external) program.see({ urn, type, name, props: { ...told(outputs), ...inputs } });
  const propertyDependencies = dependencies(one);
  return {
    resources: program.all({
      resources: [{ urn, type, name, props: outputs, propertyDependencies }],
    }),
    observed: !external && !("ingress" in inputs),
  };
}

function dependencies({ propertyDependencies }: StateResource): Record<string, { urn: string }[]> {
  const entries = Object.entries(propertyDependencies ?? {});
  return Object.fromEntries(entries.map(([key, urns]) => [key, (urns ?? []).map(asUrn)]));
}

function asUrn(urn: string): { urn: string } {
  return { urn };
}

/** Secrets opened, where the export shows them; unknown, where it does not. */
function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== "object" || value === null) return value;
  const { [SIGNATURE]: signature, plaintext } = value as Props;
  if (signature === SECRET) {
    return typeof plaintext === "string" ? opened(JSON.parse(plaintext)) : "unknown";
  }
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, opened(held)]));
}

/** Outputs that tell something: a provider fills in the rest with nothing. */
function told(outputs: Props): Props {
  const empty = (value: unknown) => list(value).length === 0 || value === "";
  return Object.fromEntries(Object.entries(outputs).filter(([, value]) => !empty(value)));
}

type OpeningFact = Extract<Fact, { is: "opening" }>;

/**
 * After a refresh a security group's outputs show the rules that are resources of their own, too:
 * each counts once, where the program has it.
 */
function withoutRepeats(read: Read[]): Resource[] {
  const separate = read
    .flatMap(({ resources }) => resources)
    .flatMap((resource) => openings(resource).filter(({ place }) => !place.includes("[")));
  return read.flatMap(({ resources, observed }) =>
    observed ? resources.map((resource) => unrepeated(resource, separate)) : resources,
  );
}

function unrepeated(resource: Resource, separate: OpeningFact[]): Resource {
  const { ingress, id } = resource.props;
  if (!Array.isArray(ingress)) return resource;
  const rules = separate.filter(
    ({ group }) => group.text === id || group.from.includes(resource.id),
  );
  const repeated = openings(resource).filter((fact) => isToldBy(fact, rules));
  const places = repeated.map(({ place }) => place);
  const kept = ingress.filter((_, index) => !places.includes(`ingress[${index}]`));
  return { ...resource, props: { ...resource.props, ingress: kept } };
}

function isToldBy(fact: OpeningFact, rules: OpeningFact[]): boolean {
  const same = rules.filter((rule) => reach(rule) === reach(fact));
  const sources = same.flatMap(sourcesOf);
  return sourcesOf(fact).every((source) => sources.includes(source));
}

/** Of all protocols the ports mean nothing, and are shown as 0 or not at all. */
function reach({ ingress: { protocol, fromPort, toPort } }: OpeningFact): string {
  const name = String(protocol).toLowerCase();
  return name === "-1" || name === "all" ? "-1" : `${name} ${fromPort} ${toPort}`;
}

function sourcesOf({ ingress, lists }: OpeningFact): string[] {
  return [...ingress.cidrs, ...lists.map(({ text }) => text)];
}

function openings(resource: Resource): OpeningFact[] {
  return factsOf(resource).filter((fact) => fact.is === "opening");
}

/** The resources stand in the file in their order, and what refers to a URN calls it otherwise. */
function linesOf(text: string, resources: StateResource[]): Map<string, number> {
  const written = new Map<string, number[]>();
  for (const [index, line] of text.split("\n").entries()) {
    const [, urn] = /"urn":\s*"([^"\\]*)"/.exec(line) ?? [];
    if (urn !== undefined) written.set(urn, [...(written.get(urn) ?? []), index + 1]);
  }
  return new Map(
    resources.flatMap((one): [string, number][] => {
      const line = written.get(one.urn)?.shift();
      return line === undefined ? [] : [[shownUrn(one), line]];
    }),
  );
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? "missing";
}
