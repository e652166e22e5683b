import type { ResourceValidationArgs } from "@pulumi/policy";
import { Secret } from "@pulumi/policy";
import { type Ingress, type SshRule, sshOpenToWorld } from "../rulebook/ssh";
import { isUnknown, rawValue } from "./raw";
import type { Props } from "./resource";

/** How one kind of resource holds its rules and their sources. */
interface Shape {
  /** The property that lists the rules; absent: the resource is one rule. */
  rules?: string;
  protocol: string;
  /** A property that holds one source or a list of them, for IPv4 and IPv6. */
  ipv4: string;
  ipv6: string;
  /** Sources are a list; otherwise one a rule. */
  many: boolean;
  /** What else gives a rule sources: a rule that keeps one of these stays. */
  others: string[];
}

const CLASSIC: Shape = {
  protocol: "protocol",
  ipv4: "cidrBlocks",
  ipv6: "ipv6CidrBlocks",
  many: true,
  others: ["prefixListIds", "securityGroups", "self"],
};
const NATIVE: Shape = {
  protocol: "ipProtocol",
  ipv4: "cidrIp",
  ipv6: "cidrIpv6",
  many: false,
  others: ["sourcePrefixListId", "sourceSecurityGroupId", "sourceSecurityGroupName"],
};

/** What can be rewritten in place. A rule that is a resource of its own cannot be dropped. */
const shapes: Record<string, Shape> = {
  "aws:ec2/securityGroup:SecurityGroup": { ...CLASSIC, rules: "ingress" },
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": { ...CLASSIC, rules: "ingress" },
  "aws:ec2/securityGroupRule:SecurityGroupRule": CLASSIC,
  "aws-native:ec2:SecurityGroup": { ...NATIVE, rules: "securityGroupIngress" },
};

/**
 * The properties with the world's sources of SSH replaced by the trusted ones; a listed rule that is
 * left without any source is dropped, and everything else stays as it was.
 *
 * @returns undefined where there is nothing to change, or nothing that can be changed in place: the
 *   violation then stays.
 */
export function remediate(
  { type, props }: Pick<ResourceValidationArgs, "type" | "props">,
  rule: SshRule,
): Props | undefined {
  const shape = Object.hasOwn(shapes, type) ? shapes[type] : undefined;
  if (shape === undefined) return undefined;
  const raw = Object.fromEntries(Object.keys(props).map((key) => [key, rawValue(props, key)]));
  if (shape.rules === undefined) {
    const [only] = raw.type === "egress" || isUnknown(raw.type) ? [] : closed(raw, shape, rule);
    return only === undefined || only === raw ? undefined : only;
  }
  const held = open(raw[shape.rules]);
  if (!Array.isArray(held)) return undefined;
  const rules = held.flatMap((one) => closed(open(one) as Props, shape, rule));
  const same = rules.length === held.length && rules.every((one, at) => one === open(held[at]));
  if (same) return undefined;
  const secret = raw[shape.rules] instanceof Secret;
  return { ...raw, [shape.rules]: secret ? new Secret(rules) : rules };
}

/** The rule without the world: itself where it is not open, none where nothing is left of it. */
function closed(held: Props, shape: Shape, rule: SshRule): Props[] {
  if (typeof held !== "object" || held === null) return [held];
  const sources = [...sourcesOf(held[shape.ipv4]), ...sourcesOf(held[shape.ipv6])];
  const each = sources.map(
    (cidr): Ingress => ({ ...portsOf(held, shape), id: cidr, cidrs: [cidr] }),
  );
  const { openers } = sshOpenToWorld(each, rule);
  if (openers.length === 0) return [held];
  const trusted = rule.trustedCidrs;
  const wanted = (property: string, isOfFamily: (cidr: string) => boolean) => [
    ...sourcesOf(held[property]).filter((cidr) => !openers.includes(cidr)),
    ...trusted.filter(isOfFamily),
  ];
  const ipv4 = wanted(shape.ipv4, (cidr) => !cidr.includes(":"));
  const ipv6 = wanted(shape.ipv6, (cidr) => cidr.includes(":"));
  const { [shape.ipv4]: _four, [shape.ipv6]: _six, ...rest } = held;
  if (shape.many) {
    if (ipv4.length + ipv6.length === 0 && !hasOther(held, shape)) return [];
    return [
      {
        ...rest,
        ...(ipv4.length > 0 && { [shape.ipv4]: asBefore(held[shape.ipv4], ipv4) }),
        ...(ipv6.length > 0 && { [shape.ipv6]: asBefore(held[shape.ipv6], ipv6) }),
      },
    ];
  }
  // One source a rule: each trusted one becomes a rule like this.
  return [
    ...[...new Set(ipv4)].map((cidr) => ({ ...rest, [shape.ipv4]: cidr })),
    ...[...new Set(ipv6)].map((cidr) => ({ ...rest, [shape.ipv6]: cidr })),
  ];
}

/** Each source once; in place of a secret, a secret. */
function asBefore(held: unknown, cidrs: string[]): unknown {
  const each = [...new Set(cidrs)];
  return held instanceof Secret ? new Secret(each) : each;
}

function portsOf(held: Props, { protocol }: Shape): Omit<Ingress, "id" | "cidrs"> {
  const value = (key: string) => (isUnknown(open(held[key])) ? "unknown" : open(held[key]));
  return {
    protocol: (value(protocol) ?? "unknown") as string,
    ...(held.fromPort !== undefined && { fromPort: value("fromPort") as number }),
    ...(held.toPort !== undefined && { toPort: value("toPort") as number }),
  };
}

function sourcesOf(value: unknown): string[] {
  const list = open(value);
  const all = Array.isArray(list) ? list.map(open) : [list];
  return all.filter((one): one is string => typeof one === "string");
}

function hasOther(held: Props, { others }: Shape): boolean {
  return others.some((key) => {
    const value = open(held[key]);
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
  });
}

/** In remediation a secret stays wrapped, so that what replaces it stays one. */
function open(value: unknown): unknown {
  return value instanceof Secret ? value.value : value;
}
