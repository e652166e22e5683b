import { yamlParse } from "yaml-cfn";
import type { Props, Resource } from "../resource";
import { isRecord, maybe, named, own, resolveProperty, type Scope, settled } from "./intrinsics";

/** What was found inside a resource. */
interface Reading {
  resources: Resource[];
  /** What could not be read, a sentence each. */
  why: string[];
}

/** Characters of a template that are read; CloudFormation takes no more than a million. */
const LARGEST = 1_048_576;
/** What its functions may make of it, for each resource and in all. */
const LONGEST = { resource: LARGEST, all: 4 * LARGEST };

const LISTED = 3;
const LONGEST_SENTENCE = 256;

/** The types that hold resources in themselves. */
const readers: Record<string, (holder: Resource) => Reading> = {
  "aws:cloudformation/stack:Stack": readTemplate,
  "aws:cloudformation/stackSet:StackSet": readTemplate,
  "aws-native:cloudformation:Stack": readTemplate,
  "aws-native:cloudformation:StackSet": readTemplate,
  "aws:cloudcontrol/resource:Resource": (holder) => readSingle(holder, "typeName", "desiredState"),
  "aws-native:index:ExtensionResource": (holder) => readSingle(holder, "type", "properties"),
};

/**
 * The resources inside a resource, in the shape of @pulumi/aws-native: those of a CloudFormation
 * template, and the one of Cloud Control's or of an extension. Nothing for other types.
 *
 * What cannot be known is "unknown" in its place. A resource under a condition that cannot be
 * decided is there, but nothing in it is known that could open or grant, and it refers to nothing:
 * it can make an answer "unknown", and never "yes".
 * Sources: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html and
 * https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-operations-create.html
 *
 * Never throws, and reads only so much of what is written to last for ever; see `unreadable`.
 */
export function expand(resource: Resource): Resource[] {
  return read(resource).resources;
}

/**
 * Why not all that is inside a resource can be read, in a sentence or a few; undefined where it can,
 * and for a resource that holds no others. Never throws.
 */
export function unreadable(resource: Resource): string | undefined {
  const { why } = read(resource);
  if (why.length === 0) return undefined;
  const rest = why.length - LISTED;
  return why
    .slice(0, LISTED)
    .concat(rest > 0 ? [`${rest} more like these`] : [])
    .join("; ");
}

const readings = new WeakMap<Resource, Reading>();

function read(resource: Resource): Reading {
  if (!Object.hasOwn(readers, resource.type)) return { resources: [], why: [] };
  const reading = readings.get(resource) ?? attempt(resource);
  readings.set(resource, reading);
  return reading;
}

function attempt(holder: Resource): Reading {
  try {
    return readers[holder.type]?.(holder) ?? { resources: [], why: [] };
  } catch (error) {
    return { resources: [], why: [sentence(error)] };
  }
}

function readTemplate(holder: Resource): Reading {
  const { templateBody, templateUrl } = holder.props;
  if (templateBody === undefined && templateUrl !== undefined) {
    throw new Error("templateUrl is not read: its content is on S3");
  }
  const template = parse(templateBody, "templateBody");
  const resources = template.Resources;
  if (!isRecord(resources)) throw new Error("templateBody has no Resources that can be read");

  const scope = scopeOf(template, holder, resources);
  const inner = Object.entries(resources).map(([id, value]) => readOne(id, value, holder, scope));
  return {
    resources: inner.flatMap((one) => one.resources),
    why: [...macros(template.Transform), ...inner.flatMap((one) => one.why)],
  };
}

function scopeOf(template: Props, { id, props, deps }: Resource, resources: Props): Scope {
  const section = (name: string) => (isRecord(template[name]) ? (template[name] as Props) : {});
  return {
    parameters: section("Parameters"),
    mappings: section("Mappings"),
    conditions: section("Conditions"),
    ids: new Map(Object.keys(resources).map((logicalId) => [logicalId, `${id}#${logicalId}`])),
    given: givenParameters(props.parameters),
    from: { template: deps.templateBody ?? [], parameters: deps.parameters ?? [] },
    decided: new Map(),
    deps: new Set(),
    macros: new Set(),
    left: { here: LONGEST.resource, all: LONGEST.all },
    depth: 0,
  };
}

/** A record, or a stack set's list of keys and values. */
function givenParameters(parameters: unknown): Scope["given"] {
  if (parameters === "unknown") return "unknown";
  if (!Array.isArray(parameters)) return isRecord(parameters) ? parameters : {};
  const entries = parameters.map((one) => [
    own(one, "parameterKey") ?? own(one, "ParameterKey"),
    own(one, "parameterValue") ?? own(one, "ParameterValue") ?? "unknown",
  ]);
  return entries.some(([key]) => typeof key !== "string" || key === "unknown")
    ? "unknown"
    : Object.fromEntries(entries);
}

/** Transforms that make no resource of the kinds that are judged, or none that is not seen here. */
const HARMLESS = ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"];

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros.html */
function macros(transform: unknown): string[] {
  const listed = Array.isArray(transform) ? transform : transform === undefined ? [] : [transform];
  return listed
    .map((one) => (isRecord(one) ? own(one, "Name") : one))
    .filter((name) => !HARMLESS.includes(name as string))
    .map((name) => `what the transform ${quoted(name)} adds is not read: deployment runs it`);
}

/** One resource of a template; none, where its condition says so. */
function readOne(logicalId: string, value: unknown, holder: Resource, shared: Scope): Reading {
  const scope = { ...shared, left: { ...shared.left } };
  const place = `${holder.within}Resources.${quoted(logicalId)}`;
  try {
    const type = own(value, "Type");
    if (typeof type !== "string" || type === "unknown") throw new Error("its Type is not known");
    const condition = own(value, "Condition");
    const isThere = condition === undefined ? "yes" : named(condition, scope);
    if (isThere === "no") return { resources: [], why: [] };

    const shape = shaped(own(value, "Properties") ?? {}, scope, isThere === "yes");
    const resource = {
      urn: holder.urn,
      name: logicalId,
      id: `${holder.id}#${logicalId}`,
      within: `${holder.within}Resources.${logicalId}.`,
      type: nativeType(type),
      props: shape.props,
      deps: shape.deps,
    };
    return { resources: [resource], why: added(shape.macros, place) };
  } catch (error) {
    return { resources: [], why: [`${place} cannot be read: ${sentence(error)}`] };
  } finally {
    shared.left.all = scope.left.all;
  }
}

/**
 * Cloud Control and extensions: one type, one set of properties. What is inside is the holder itself
 * under another type, so it keeps the holder's name and id: others refer to it by them.
 */
function readSingle(holder: Resource, typeProperty: string, property: string): Reading {
  const type = holder.props[typeProperty];
  if (typeof type !== "string" || type === "unknown") {
    throw new Error(`${typeProperty} is not known before deployment`);
  }
  const properties = parse(holder.props[property], property);
  const scope = scopeOf({}, holder, {});
  scope.from.template = holder.deps[property] ?? [];
  const { props, deps, macros } = shaped(properties, scope, true);
  const within = `${holder.within}${property}.`;
  return {
    resources: [{ ...holder, within, type: nativeType(type), props, deps }],
    why: added(macros, property),
  };
}

interface Shape {
  props: Props;
  deps: Resource["deps"];
  /** What a macro would put beside its properties, by the key that calls it. */
  macros: Set<string>;
}

function shaped(properties: unknown, scope: Scope, isCertain: boolean): Shape {
  if (!isRecord(properties)) throw new Error("its Properties are not known");
  const deps: [string, string[]][] = [];
  const macros = new Set<string>();
  const resolved = Object.entries(properties).flatMap(([key, value]) => {
    const from = new Set<string>();
    const held = resolveProperty(key, value, { ...scope, deps: from, macros });
    if (isCertain && from.size > 0) deps.push([camelCased(key), [...from]]);
    return held;
  });
  const found = Object.fromEntries(resolved);
  const props = native(isCertain ? found : maybe(found)) as Props;
  return { props, deps: Object.fromEntries(deps), macros };
}

function added(macros: Set<string>, place: string): string[] {
  return [...macros].map(
    (name) => `what ${quoted(name)} adds to ${place} is not read: deployment runs it`,
  );
}

/** Modules that @pulumi/aws-native 1.79.0 calls by another name than CloudFormation. */
const MODULES: Record<string, string> = { config: "configuration" };

/** "aws-native:ec2:SecurityGroup" for "AWS::EC2::SecurityGroup"; what is not AWS's stays. */
function nativeType(type: string): string {
  const [vendor, service, name, ...others] = type.split("::");
  if (vendor !== "AWS" || !service || !name || others.length > 0) return type;
  const module = service.toLowerCase();
  return `aws-native:${own(MODULES, module) ?? module}:${lowerAcronyms(name)}`;
}

/** Keys whose values stay as they are written: documents, and names that the owner chose. */
const AS_WRITTEN = [
  "policyDocument",
  "assumeRolePolicyDocument",
  "tags",
  "templateBody",
  "parameters",
];

function native(value: unknown, isWritten = false): unknown {
  if (typeof value === "string") return settled(value);
  if (Array.isArray(value)) return value.map((one) => native(one, isWritten));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, held]) => {
      const name = isWritten ? key : camelCased(key);
      return [name, native(held, isWritten || AS_WRITTEN.includes(name))];
    }),
  );
}

/** "cidrIp" for "CidrIp", "ec2KeyName" for "EC2KeyName". */
function camelCased(name: string): string {
  const lowered = lowerAcronyms(name);
  return lowered.replace(/^[A-Z]/, (first) => first.toLowerCase());
}

/**
 * Of capitals and digits in a row, all but the first are lowered, and but the last where it begins
 * the next word: a single plural "s" begins none.
 * Source: pulumi/pulumi-aws-native, provider/pkg/naming/naming.go
 */
function lowerAcronyms(name: string): string {
  return name.replace(/[A-Z0-9]{2,}/g, (run, at: number) => {
    const next = name.slice(at + run.length, at + run.length + 2);
    const end = next === "" || /^s[A-Z0-9]?$/.test(next) ? run.length : run.length - 1;
    return run.charAt(0) + run.slice(1, end).toLowerCase() + run.slice(end);
  });
}

/** JSON or YAML text, or an object. */
function parse(body: unknown, property: string): Props {
  if (body === undefined || body === null) throw new Error(`${property} is missing`);
  if (body === "unknown") throw new Error(`${property} is not known before deployment`);
  const parsed = typeof body === "string" ? parseText(body, property) : body;
  if (!isRecord(parsed)) throw new Error(`${property} holds no object`);
  return parsed;
}

function parseText(text: string, property: string): unknown {
  if (text.length > LARGEST) throw new Error(`${property} is longer than 1 MB`);
  try {
    return JSON.parse(text);
  } catch {
    // CloudFormation takes text that begins like JSON for YAML, where it is none.
  }
  try {
    return yamlParse(text);
  } catch (error) {
    throw new Error(`${property} cannot be parsed: ${sentence(error)}`);
  }
}

/** A parser's message goes on for lines, and quotes the template. */
function sentence(error: unknown): string {
  const [line = ""] = String(error instanceof Error ? error.message : error).split("\n");
  return line.slice(0, LONGEST_SENTENCE);
}

/** A name that somebody else chose, in a message: as it is where it is a word. */
function quoted(name: unknown): string {
  if (typeof name !== "string") return `of type ${typeof name}`;
  return /^[A-Za-z0-9:_-]{1,64}$/.test(name) ? name : JSON.stringify(name.slice(0, 64));
}
