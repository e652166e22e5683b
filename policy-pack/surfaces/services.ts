import { type Fact, fields, list, self, texts } from "../facts";
import type { Resource } from "../resource";
import type { Surfaces } from "./table";

const WORLD = ["0.0.0.0/0", "::/0"];

/** Services that open ports by settings of their own; each has its rules to itself. */
export const serviceSurfaces: Surfaces = {
  "aws:eks/nodeGroup:NodeGroup": eksNodes("sourceSecurityGroupIds"),
  "aws-native:eks:Nodegroup": eksNodes("sourceSecurityGroups"),
  "aws:lightsail/instancePublicPorts:InstancePublicPorts": (resource) =>
    lightsailPorts(resource, "portInfos", resource.props.portInfos),
  "aws-native:lightsail:Instance": (resource) => {
    const networking = resource.props.networking;
    const ports = networking === "unknown" ? networking : fields(networking).ports;
    return lightsailPorts(resource, "networking.ports", ports);
  },
  "aws:gamelift/fleet:Fleet": gameLiftPorts,
  "aws-native:gamelift:Fleet": gameLiftPorts,
  "aws:elasticbeanstalk/environment:Environment": beanstalk("settings", "name"),
  "aws:elasticbeanstalk/configurationTemplate:ConfigurationTemplate": beanstalk("settings", "name"),
  "aws-native:elasticbeanstalk:Environment": beanstalk("optionSettings", "optionName"),
  "aws-native:elasticbeanstalk:ConfigurationTemplate": beanstalk("optionSettings", "optionName"),
  "aws:emr/blockPublicAccessConfiguration:BlockPublicAccessConfiguration": emrPermits,
};

/**
 * A key without source groups opens port 22 of the nodes to the world.
 * Source: EKS API Reference, RemoteAccessConfig,
 * https://docs.aws.amazon.com/eks/latest/APIReference/API_RemoteAccessConfig.html
 */
function eksNodes(groups: string) {
  return (resource: Resource): Fact[] => {
    const access = resource.props.remoteAccess;
    if (access === undefined || access === null) return [];
    const { ec2SshKey, [groups]: sources } = fields(access);
    const known = access !== "unknown" && ec2SshKey !== "unknown";
    if (known && (ec2SshKey === undefined || ec2SshKey === "")) return [];
    if (known && list(sources).length > 0 && sources !== "unknown") return [];
    const cidrs = known && sources !== "unknown" ? WORLD : ["unknown"];
    const because = `remoteAccess.ec2SshKey without ${groups} lets EKS open port 22 to 0.0.0.0/0`;
    const place = "remoteAccess";
    return [port(resource, { place, sources: groups, takes: "groups", cidrs, because })];
  };
}

/**
 * A port without sources is open to every address; a list alias is one of AWS's own ranges.
 * Source: Lightsail API Reference, PortInfo,
 * https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_PortInfo.html
 */
function lightsailPorts(resource: Resource, property: string, ports: unknown): Fact[] {
  return list(ports).map((value, index) => {
    const { protocol, fromPort, toPort, cidrs, ipv6Cidrs, cidrListAliases } = fields(value);
    const written = texts(cidrs, ipv6Cidrs);
    const anywhere = written.length === 0 && list(cidrListAliases).length === 0;
    return {
      is: "opening",
      group: self(resource),
      place: `${property}[${index}]`,
      sources: "cidrs",
      takes: "list",
      ingress: {
        protocol: (value === "unknown" ? "unknown" : (protocol ?? "tcp")) as string,
        ...(fromPort !== undefined && { fromPort: fromPort as number }),
        ...(toPort !== undefined && { toPort: toPort as number }),
        cidrs: value === "unknown" ? ["unknown"] : anywhere ? WORLD : written,
      },
      lists: [],
      ...(anywhere && { because: "a Lightsail port without cidrs is open to every address" }),
    };
  });
}

/** Source: https://docs.aws.amazon.com/gameliftservers/latest/apireference/API_IpPermission.html */
function gameLiftPorts(resource: Resource): Fact[] {
  return list(resource.props.ec2InboundPermissions).map((value, index) => {
    const { protocol, fromPort, toPort, ipRange } = fields(value);
    return {
      is: "opening",
      group: self(resource),
      place: `ec2InboundPermissions[${index}]`,
      sources: "ipRange",
      takes: "text",
      ingress: {
        protocol: (protocol ?? "unknown") as string,
        ...(fromPort !== undefined && { fromPort: fromPort as number }),
        ...(toPort !== undefined && { toPort: toPort as number }),
        cidrs: texts(ipRange ?? "unknown"),
      },
      lists: [],
    };
  });
}

const LAUNCH = "aws:autoscaling:launchconfiguration";

/**
 * A key opens port 22 to the world unless SSHSourceRestriction names a source.
 * Source: AWS Elastic Beanstalk Developer Guide, General options, aws:autoscaling:launchconfiguration,
 * https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/command-options-general.html
 */
function beanstalk(property: string, name: string) {
  return (resource: Resource): Fact[] => {
    const settings = list(resource.props[property]);
    const option = (wanted: string) =>
      settings.findIndex((one) => fields(one).namespace === LAUNCH && fields(one)[name] === wanted);
    const restriction = option("SSHSourceRestriction");
    const key = option("EC2KeyName");
    if (restriction >= 0) {
      return [
        restricted(resource, `${property}[${restriction}]`, fields(settings[restriction]).value),
      ];
    }
    if (key < 0 || fields(settings[key]).value === "") return [];
    const known = !settings.includes("unknown") && fields(settings[key]).value !== "unknown";
    const because = "EC2KeyName without SSHSourceRestriction lets Elastic Beanstalk open port 22";
    const place = `${property}[${key}]`;
    const cidrs = known ? WORLD : ["unknown"];
    const sources = "SSHSourceRestriction";
    return [port(resource, { place, sources, takes: "option", cidrs, because })];
  };
}

/** "tcp, 22, 22, 203.0.113.0/24": protocol, first and last port, source. */
function restricted(resource: Resource, place: string, value: unknown): Fact {
  const parts = String(value).split(",");
  const [protocol = "unknown", fromPort = "22", toPort = "22", source = "unknown"] = parts.map(
    (part) => part.trim(),
  );
  const isGroup = source.startsWith("sg-");
  return {
    is: "opening",
    group: self(resource),
    place,
    sources: "value",
    takes: "option",
    ingress: { protocol, fromPort, toPort, cidrs: isGroup ? [] : [source] },
    lists: [],
  };
}

/**
 * It permits that clusters open these ports to the world, and opens none.
 * Source: Amazon EMR Management Guide, Using Amazon EMR block public access,
 * https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-block-public-access.html
 */
function emrPermits({ props }: Resource): Fact[] {
  const { blockPublicSecurityGroupRules: blocks, permittedPublicSecurityGroupRuleRanges } = props;
  const permits = list(permittedPublicSecurityGroupRuleRanges).some((range) => {
    const { minRange = 0, maxRange = minRange } = fields(range);
    return range === "unknown" || (Number(minRange) <= 22 && Number(maxRange) >= 22);
  });
  if (blocks !== false && !permits) return [];
  const why = "this permits EMR clusters whose port 22 is open to the world; it opens none itself";
  const fix = "permittedPublicSecurityGroupRuleRanges: [] // or ranges without port 22";
  return [{ is: "doubt", rule: "ssh-open-to-world", why, fix }];
}

type Implied = Pick<Extract<Fact, { is: "opening" }>, "place" | "sources" | "takes" | "because">;

function port(resource: Resource, { cidrs, ...rule }: Implied & { cidrs: string[] }): Fact {
  const ingress = { protocol: "tcp", fromPort: 22, toPort: 22, cidrs };
  return { is: "opening", group: self(resource), ...rule, ingress, lists: [] };
}
