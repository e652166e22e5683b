import { mayCompleteWorld, readCidr } from "../rulebook/cidr";

/** The address ranges that AWS publishes, by service and region. */
export interface IpRanges {
  /** When AWS published them, in seconds since 1970. A document with a lower one is older. */
  syncToken: number;
  /** The same in words, UTC: "2026-08-22-15-17-05". */
  createDate: string;
  /** Service ("EC2_INSTANCE_CONNECT") → region ("us-east-1", "GLOBAL") → CIDRs of both families. */
  services: Record<string, Record<string, string[]>>;
}

/** Whose ranges are meant. */
export interface RangesOf {
  service: string;
  /** Absent: every region. */
  region?: string;
}

/** What every customer of AWS can rent an address of: trusting it is trusting everybody. */
export const RENTED = ["AMAZON", "EC2"];

const NEAR = 3;

/** An error that says what is wrong with the published ranges; nothing may be changed by them. */
export function rangesError(sentence: string): Error {
  return Object.assign(new Error(sentence), { name: "IpRangesUnusable" });
}

/**
 * Reads AWS's document.
 *
 * Source: https://docs.aws.amazon.com/vpc/latest/userguide/aws-ip-syntax.html
 *
 * @param text as it was fetched.
 * @throws IpRangesUnusable where the document is not what AWS describes.
 */
export function readIpRanges(text: string): IpRanges {
  const { syncToken, createDate, prefixes, ipv6_prefixes } = parsed(text);
  if (!/^\d{10}$/.test(String(syncToken)) || typeof createDate !== "string") {
    throw rangesError(
      `ip-ranges.json has syncToken ${shown(syncToken)} and createDate ${shown(createDate)}: they should be a time in seconds and a date`,
    );
  }
  const services: IpRanges["services"] = {};
  for (const [list, field, family] of [
    [prefixes, "ip_prefix", "ipv4"],
    [ipv6_prefixes, "ipv6_prefix", "ipv6"],
  ] as const) {
    if (!Array.isArray(list) || list.length === 0) {
      throw rangesError(
        `ip-ranges.json has no list of ${field}: it should have prefixes of ${family}`,
      );
    }
    for (const one of list) add(services, one, field);
  }
  return { syncToken: Number(syncToken), createDate, services };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Said below: what JSON.parse has to say would quote the document.
  }
  throw rangesError(`ip-ranges.json is no JSON object: it begins with ${shown(text.slice(0, 40))}`);
}

function add(services: IpRanges["services"], entry: Record<string, unknown>, field: string): void {
  const { [field]: cidr, service, region } = Object(entry) as Record<string, unknown>;
  const known = [cidr, service, region].every((one) => typeof one === "string" && one !== "");
  // "__proto__" is no service.
  if (!known || !/^[A-Z0-9_]+$/.test(service as string) || String(service).startsWith("__")) {
    throw rangesError(
      `ip-ranges.json has the entry ${shown(entry)}: it should name ${field}, service and region`,
    );
  }
  const regions = services[service as string] ?? {};
  services[service as string] = regions;
  const cidrs = Object.hasOwn(regions, region as string) ? (regions[region as string] ?? []) : [];
  cidrs.push(cidr as string);
  regions[region as string] = cidrs;
}

/**
 * The CIDRs of a service, in one region or in all, each once, IPv4 first.
 *
 * @throws IpRangesUnusable for a service or region that is not published, and for a range that is no
 *   CIDR or so wide that it is a large part of the internet.
 */
export function publishedCidrs(ranges: IpRanges, of: RangesOf): string[] {
  const wrong = notPublished(ranges, of);
  if (wrong) throw rangesError(wrong);
  const regions = ranges.services[of.service] ?? {};
  const cidrs = of.region ? (regions[of.region] ?? []) : Object.values(regions).flat();
  for (const cidr of cidrs) {
    if (!readCidr(cidr) || mayCompleteWorld(cidr)) {
      throw rangesError(
        `ip-ranges.json gives ${of.service} the range ${shown(cidr)}: it should be a CIDR narrower than /8, or /16 in IPv6`,
      );
    }
  }
  const isIpv6 = (cidr: string) => Number(cidr.includes(":"));
  return [...new Set(cidrs)].sort((a, b) => isIpv6(a) - isIpv6(b));
}

/** Why there are no ranges of this service and region, with what may have been meant; or undefined. */
export function notPublished({ services }: IpRanges, { service, region }: RangesOf) {
  if (RENTED.includes(service)) {
    return `${service} holds the addresses that every customer of AWS can rent: name the service that connects, e.g. EC2_INSTANCE_CONNECT`;
  }
  const regions = Object.hasOwn(services, service) ? services[service] : undefined;
  if (!regions) {
    return `AWS publishes no ranges of a service ${shown(service)}: ${near(service, Object.keys(services))}`;
  }
  if (region === undefined || Object.hasOwn(regions, region)) return undefined;
  return `AWS publishes no ranges of ${service} in ${shown(region)}: ${near(region, Object.keys(regions))}`;
}

/** The names that share most parts with the one that was given; all, where none does. */
function near(given: string, names: string[]): string {
  const parts = given.toUpperCase().split(/[_-]/);
  const shared = (name: string) =>
    name
      .toUpperCase()
      .split(/[_-]/)
      .filter((part) => parts.includes(part)).length;
  const close = names
    .filter((name) => shared(name) > 0)
    .sort((a, b) => shared(b) - shared(a))
    .slice(0, NEAR);
  return close.length > 0 ? `near it are ${close.join(", ")}` : `there are ${names.join(", ")}`;
}

/** Is more than half of what was there gone? AWS takes ranges back one by one. */
export function isSuspiciousShrink(before: string[], now: string[]): boolean {
  const gone = before.filter((cidr) => !now.includes(cidr));
  return gone.length > before.length / 2;
}

/** "aws:EC2_INSTANCE_CONNECT:us-east-1", or without the region; undefined for what is neither. */
export function readRangesOf(text: string): RangesOf | undefined {
  const [, service, region] = /^aws:([^:]+)(?::([^:]+))?$/.exec(text) ?? [];
  return service === undefined ? undefined : { service, ...(region && { region }) };
}

/** As settings and rule descriptions write it: "aws:EC2_INSTANCE_CONNECT:us-east-1". */
export function rangesName({ service, region }: RangesOf): string {
  return region ? `aws:${service}:${region}` : `aws:${service}`;
}

function shown(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 120);
}
