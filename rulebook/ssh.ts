import { type Answer, every, type Judgement, some, yesNo } from "./answer";
import {
  type Block,
  coverInternet,
  type Family,
  families,
  internetHalves,
  merge,
  notRoutable,
  ofFamily,
  readCidr,
  within,
} from "./cidr";

/** One inbound permission of a security group. Any value may be "unknown". */
export interface Ingress {
  /** Unique in its group: a rule id ("sgr-…") or a place ("ingress[1]"). */
  id: string;
  /** A name or a number: "tcp", "6", 6, "-1". */
  protocol: string | number;
  /** Missing and -1 mean "from the first" and "to the last" port. */
  fromPort?: number | string;
  toPort?: number | string;
  /** Sources, with prefix lists already replaced by their entries; security groups are left out. */
  cidrs: string[];
}

/** What the owner says about SSH: the ports that carry it, and who may come. */
export interface SshRule {
  sshPorts: number[];
  trustedCidrs: string[];
  /** Prefix lists that the owner trusts, by id, where whoever judges does not know their entries. */
  trustedLists?: string[];
}

export interface SshJudgement extends Judgement {
  /** Ids of the permissions that must go so that the rest is not open. Empty unless "yes". */
  openers: string[];
}

/**
 * Protocols that EC2 knows by name and that carry no SSH; numbers need no list.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html (IpProtocol)
 * and the names of https://www.iana.org/assignments/protocol-numbers that tools accept.
 */
const NOT_TCP = [
  "ah",
  "dccp",
  "egp",
  "esp",
  "gre",
  "icmp",
  "icmpv6",
  "igmp",
  "ipip",
  "ipv6-icmp",
].concat(["l2tp", "ospf", "pim", "rsvp", "sctp", "udp", "udplite", "vrrp"]);

const LISTED = 4;
const LONGEST_QUOTE = 64;

/**
 * Is SSH open to the world through these permissions of one security group?
 *
 * "yes": the sources that reach one SSH port together cover the IPv4 or the IPv6 internet, whether
 * they are trusted or not: no list of trusted sources makes the world a trusted one.
 * "unknown": a value that is not known could complete the cover; or an untrusted source is so large
 * a part of the internet that others may complete it elsewhere.
 */
export function sshOpenToWorld(rules: Ingress[], rule: SshRule): SshJudgement {
  const sources = rules.map(readSources);
  const trusted = trustedBlocks(rule);
  const judgements = rule.sshPorts.map((port) => portOpenToWorld(sources, port, trusted));

  const answer = some(judgements.map((judgement) => judgement.answer));
  const openers = judgements.flatMap((judgement) => judgement.openers);
  return {
    answer,
    reasons:
      answer === "no"
        ? [`no source lets the world reach SSH (tcp ${rule.sshPorts.join(", ")})`]
        : judgements
            .filter((judgement) => judgement.answer !== "no")
            .flatMap(({ reasons }) => reasons),
    openers: rules.map(({ id }) => id).filter((id) => openers.includes(id)),
  };
}

/** Does this permission let its sources, whoever they are, reach SSH? */
export function mayReachSsh(ingress: Ingress, rule: Pick<SshRule, "sshPorts">): Answer {
  return some(rule.sshPorts.map((port) => reaches(ingress, port)));
}

/** A permission whose sources have been read. */
interface Sources {
  ingress: Ingress;
  blocks: Block[];
  /** What is "unknown" or no CIDR. */
  unread: string[];
}

function readSources(ingress: Ingress): Sources {
  const read = ingress.cidrs.map((cidr) => ({ cidr, blocks: readCidr(cidr) }));
  return {
    ingress,
    blocks: read.flatMap(({ blocks }) => blocks ?? []),
    unread: read.filter(({ blocks }) => blocks === undefined).map(({ cidr }) => cidr),
  };
}

/** Nothing, where the list claims to trust the world: that is a mistake and not a permission. */
function trustedBlocks({ trustedCidrs }: SshRule): Block[] {
  const blocks = trustedCidrs.flatMap((cidr) => readCidr(cidr) ?? []);
  return families.some((family) => coverInternet(blocks, family)) ? [] : blocks;
}

function portOpenToWorld(rules: Sources[], port: number, trusted: Block[]): SshJudgement {
  const reaching = rules.filter(({ ingress }) => reaches(ingress, port) === "yes");
  const open = openersOf(reaching, port, trusted);
  if (open.openers.length > 0) return { answer: "yes", ...open };

  const reasons = unsettled(rules, port, trusted);
  return { answer: reasons.length > 0 ? "unknown" : "no", reasons, openers: [] };
}

type Openers = Pick<SshJudgement, "reasons" | "openers">;

/**
 * The permissions that open a port to the world, first those that do it alone, then those that do it
 * together, until what remains does not: a narrow permission beside them stays.
 */
function openersOf(reaching: Sources[], port: number, trusted: Block[]): Openers {
  const reasons: string[] = [];
  const openers: string[] = [];
  let remaining = reaching;

  const remove = (gone: Sources[]) => {
    openers.push(...gone.map(({ ingress }) => ingress.id));
    remaining = remaining.filter((candidate) => !gone.includes(candidate));
  };

  for (const candidate of reaching) {
    const family = families.find((each) => coverInternet(candidate.blocks, each));
    if (family === undefined) continue;
    reasons.push(
      `${candidate.ingress.id} lets ${sourcesOf(candidate.ingress)} reach SSH (tcp ${port}): the whole ${label(family)} internet`,
    );
    remove([candidate]);
  }

  for (const family of families) {
    while (
      coverInternet(
        remaining.flatMap(({ blocks }) => blocks),
        family,
      )
    ) {
      const parts = coveringParts(remaining, family, trusted);
      reasons.push(
        parts.length === 1
          ? `${named(parts)} completes the trusted sources: the whole ${label(family)} internet can reach SSH (tcp ${port})`
          : `${named(parts)} together let the whole ${label(family)} internet reach SSH (tcp ${port})`,
      );
      remove(parts);
    }
  }
  return { reasons, openers };
}

/**
 * Which permissions make the cover of a family's internet. Blocks are nested or apart, so the widest
 * ones are apart: each is needed that holds an address outside of what stays anyway, and the blocks
 * inside it add nothing. Of the permissions that hold a needed block, those count that complete the
 * cover beside some of the others: one that only repeats what another must bring anyway stays.
 */
function coveringParts(remaining: Sources[], family: Family, trusted: Block[]): Sources[] {
  const isTrusted = ({ blocks, unread }: Sources) =>
    unread.length === 0 && blocks.every((block) => within(block, ofFamily(trusted, block.family)));
  const staying = remaining.filter(isTrusted).flatMap(({ blocks }) => blocks);
  const kept = merge([...ofFamily(staying, family), ...notRoutable(family)]);

  const blocks = ofFamily(
    remaining.flatMap((candidate) => candidate.blocks),
    family,
  );
  const widest = blocks.filter((block) => !blocks.some((other) => surrounds(other, block)));
  const holders = widest
    .filter((block) => !within(block, kept))
    .map(
      (part) => new Set(remaining.filter(({ blocks }) => blocks.some((b) => sameBlock(b, part)))),
    );
  const completes = (candidate: Sources) =>
    holders.some(
      (missing) =>
        missing.has(candidate) &&
        holders.every(
          (part) => part.has(candidate) || [...part].some((other) => !missing.has(other)),
        ),
    );
  return remaining.filter(completes);
}

function surrounds(outer: Block, inner: Block): boolean {
  return outer.first <= inner.first && inner.last <= outer.last && !sameBlock(outer, inner);
}

function sameBlock(a: Block, b: Block): boolean {
  return a.family === b.family && a.first === b.first && a.last === b.last;
}

/** Why the port may be open although it is not known to be: a sentence for each cause. */
function unsettled(rules: Sources[], port: number, trusted: Block[]): string[] {
  const possible = rules.filter(({ ingress }) => reaches(ingress, port) !== "no");
  // What is no CIDR opens nothing: EC2 refuses it. One that ends in /0 is read as the world.
  const unread = possible
    .filter(({ unread }) => unread.includes("unknown"))
    .map(
      ({ ingress }) => `${ingress.id} lets a source that is not known yet reach SSH (tcp ${port})`,
    );
  const blocks = possible.flatMap((candidate) => candidate.blocks);
  const completed = families.filter((family) => coverInternet(blocks, family));
  const doubtful = possible.filter(({ ingress }) => reaches(ingress, port) === "unknown");
  const covered = completed.map(
    (family) =>
      `protocol or port of ${named(doubtful)} is not known: the whole ${label(family)} internet may reach SSH (tcp ${port})`,
  );
  const large = internetHalves(blocks, trusted)
    .filter((family) => !completed.includes(family))
    .map(
      (family) =>
        `${named(holders(possible, family, trusted))} may let half of the ${label(family)} internet reach SSH (tcp ${port}), and another source can complete it: name the network that needs it, or list it in trustedCidrs`,
    );
  return [...unread, ...covered, ...large];
}

/** Who holds half of the internet alone; everybody, where only all together do. */
function holders(rules: Sources[], family: Family, trusted: Block[]): Sources[] {
  const alone = rules.filter(({ blocks }) => internetHalves(blocks, trusted).includes(family));
  return alone.length > 0 ? alone : rules;
}

function reaches(ingress: Ingress, port: number): Answer {
  const protocol = String(ingress.protocol ?? "unknown")
    .trim()
    .toLowerCase();
  // EC2 ignores the range of a permission for every protocol, and an unknown one may be that.
  if (protocol === "all" || protocol === "-1") return "yes";
  if (NOT_TCP.includes(protocol)) return "no";
  if (protocol !== "tcp" && protocol !== "6") return isProtocolNumber(protocol) ? "no" : "unknown";

  const from = portNumber(ingress.fromPort, 0);
  const to = portNumber(ingress.toPort, 65535);
  return every([
    from === undefined ? "unknown" : yesNo(from <= port),
    to === undefined ? "unknown" : yesNo(port <= to),
  ]);
}

function isProtocolNumber(protocol: string): boolean {
  return /^\d{1,3}$/.test(protocol) && Number(protocol) <= 255 && Number(protocol) !== 6;
}

/** A port as a number, `all` where it is missing or -1, undefined where it cannot be read. */
function portNumber(port: number | string | undefined, all: number): number | undefined {
  const text = String(port ?? "").trim();
  if (text === "" || text === "-1") return all;
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function label(family: Family): string {
  return family === "ipv4" ? "IPv4" : "IPv6";
}

function named(rules: Sources[]): string {
  return list(rules.map(({ ingress }) => `${ingress.id} (${sourcesOf(ingress)})`));
}

function sourcesOf({ cidrs }: Ingress): string {
  return list(cidrs.map((cidr) => (readCidr(cidr) ? cidr.trim() : quoted(cidr))));
}

/** The first few in words: a group may have a thousand permissions, a prefix list as many entries. */
function list(words: string[]): string {
  const rest = words.length - LISTED;
  if (rest > 0) return `${words.slice(0, LISTED).join(", ")} and ${rest} more`;
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join();
}

/** Text of others in a message: escaped, and cut where it is longer than any CIDR. */
function quoted(text: unknown): string {
  if (typeof text !== "string") return `of type ${typeof text}`;
  const whole = JSON.stringify(text);
  return whole.length > LONGEST_QUOTE ? `${whole.slice(0, LONGEST_QUOTE)}…` : whole;
}
