import { type Fact, list, type Ref, refs, self, texts } from "../facts";
import type { Props, Resource } from "../resource";
import type { Surfaces } from "./table";

/** The properties of a rule that hold its sources, as one provider names them. */
interface Shape {
  protocol: string;
  cidrs: string[];
  lists: string[];
}

const CLASSIC: Shape = {
  protocol: "protocol",
  cidrs: ["cidrBlocks", "ipv6CidrBlocks"],
  lists: ["prefixListIds"],
};
const VPC_RULE: Shape = {
  protocol: "ipProtocol",
  cidrs: ["cidrIpv4", "cidrIpv6"],
  lists: ["prefixListId"],
};
const NATIVE: Shape = {
  protocol: "ipProtocol",
  cidrs: ["cidrIp", "cidrIpv6"],
  lists: ["sourcePrefixListId"],
};

/**
 * Security groups and prefix lists.
 * Source of the properties: the type definitions of @pulumi/aws 7.48.0 and @pulumi/aws-native 1.79.0.
 */
export const sshSurfaces: Surfaces = {
  "aws:ec2/securityGroup:SecurityGroup": inline("ingress", CLASSIC),
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": inline("ingress", CLASSIC),
  "aws:ec2/securityGroupRule:SecurityGroupRule": eitherDirection,
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": separate(
    "securityGroupId",
    VPC_RULE,
  ),
  "aws-native:ec2:SecurityGroup": inline("securityGroupIngress", NATIVE),
  "aws-native:ec2:SecurityGroupIngress": separate(["groupId", "groupName"], NATIVE),
  "aws:ec2/managedPrefixList:ManagedPrefixList": prefixList,
  "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry": (resource) =>
    refs(resource, "prefixListId").map((entries) => entriesOf(entries, resource.props.cidr)),
  "aws-native:ec2:PrefixList": prefixList,
};

/** A group that holds its rules. */
function inline(property: string, shape: Shape) {
  return (resource: Resource): Fact[] => [
    {
      is: "entity",
      kind: "securityGroup",
      names: texts(resource.props.id, resource.props.groupId),
    },
    ...list(resource.props[property]).flatMap((value, index) => {
      // What is known and no rule, the provider refuses.
      if (value !== "unknown" && typeof value !== "object") return [];
      const place = `${property}[${index}]`;
      return opening(resource, { group: self(resource), place, property, value, shape });
    }),
  ];
}

/** A rule that names its group. */
function separate(property: string | string[], shape: Shape) {
  return (resource: Resource): Fact[] => {
    const named = list(property).flatMap((key) => refs(resource, key as string));
    const groups = named.length > 0 ? named : [self(resource)];
    const value = resource.props;
    return groups.flatMap((group) => opening(resource, { group, place: "", value, shape }));
  };
}

/** A rule whose direction is not known opens nothing for sure: it is read as one of no known protocol. */
function eitherDirection(resource: Resource): Fact[] {
  const { props } = resource;
  if (props.type === "egress") return [];
  const read = props.type === "unknown" ? { ...props, protocol: "unknown" } : props;
  return separate("securityGroupId", CLASSIC)({ ...resource, props: read });
}

interface Rule {
  group: Ref;
  place: string;
  /** The property that holds the rule, where it is not the resource itself. */
  property?: string;
  value: unknown;
  shape: Shape;
}

/** A value that is no object is a rule of which nothing is known. */
function opening(resource: Resource, { group, place, property, value, shape }: Rule): Fact[] {
  const known = typeof value === "object" && value !== null && !Array.isArray(value);
  const rule = (known ? value : {}) as Props;
  const held = shape.lists.flatMap((key) => refs(resource, property ?? key, rule[key] ?? []));
  const written = shape.cidrs.filter((key) => list(rule[key]).length > 0);
  const cidrs = known ? texts(...shape.cidrs.map((key) => rule[key])) : ["unknown"];
  const protocol = rule[shape.protocol] ?? (known && shape !== CLASSIC ? "-1" : "unknown");
  const ingress = {
    protocol: protocol as string,
    ...(rule.fromPort !== undefined && { fromPort: rule.fromPort as number }),
    ...(rule.toPort !== undefined && { toPort: rule.toPort as number }),
    cidrs,
  };
  const sources = written.length === 1 ? (written[0] as string) : shape.cidrs.join(" and ");
  const takes = shape === CLASSIC ? "list" : "text";
  return [{ is: "opening", group, place, sources, takes, ingress, lists: held }];
}

function prefixList(resource: Resource): Fact[] {
  const { id, entries, prefixListId } = resource.props;
  return [
    { is: "entity", kind: "prefixList", names: texts(id, prefixListId) },
    ...list(entries).map((entry) =>
      entriesOf(self(resource), entry === "unknown" ? entry : (entry as Props | null)?.cidr),
    ),
  ];
}

function entriesOf(entries: Ref, cidr: unknown): Fact {
  return { is: "entries", list: entries, cidrs: texts(cidr ?? "unknown") };
}
