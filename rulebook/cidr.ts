import { IPv4, IPv6 } from "ipaddr.js";

export type Family = "ipv4" | "ipv6";

/** Addresses `first` to `last`, both included, as numbers: 32 bits of IPv4 or 128 bits of IPv6. */
export interface Range {
  first: bigint;
  last: bigint;
}

/** What a CIDR stands for: an aligned range of one family. Two blocks are nested or apart. */
export interface Block extends Range {
  family: Family;
}

export const families: Family[] = ["ipv4", "ipv6"];

export const ADDRESS_BITS = { ipv4: 32, ipv6: 128 };

/**
 * Blocks that no packet from the internet carries as its source, so that leaving them out of a
 * split does not make it narrower: what IANA lists as not globally reachable, multicast, and all of
 * IPv6 but 2000::/3, the only part of it that is handed out for unicast.
 * Sources: https://www.iana.org/assignments/iana-ipv4-special-registry,
 * https://www.iana.org/assignments/multicast-addresses (224.0.0.0/4, RFC 5771),
 * https://www.iana.org/assignments/iana-ipv6-special-registry (the entries inside 2000::/3),
 * https://www.iana.org/assignments/ipv6-address-space.
 */
const NOT_ROUTABLE = {
  ipv4: [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
  ],
  ipv6: [
    "::/3",
    "2001:2::/48",
    "2001:10::/28",
    "2001:db8::/32",
    "3fff::/20",
    "4000::/2",
    "8000::/1",
  ],
};

/** The narrowest block that counts as a large part of the internet, in leading bits. */
const LARGE_PART_BITS = { ipv4: 8, ipv6: 16 };

/** Longer than any CIDR: "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128" has 49 characters. */
const LONGEST_CIDR = 64;

/**
 * The addresses that a CIDR stands for.
 *
 * Host bits are cleared as EC2 does ("10.1.2.3/8" is 10.0.0.0/8). What ends in "/0" is the world
 * however the rest is spelled; where the rest is no address, it is the world of both families. An
 * IPv4-mapped IPv6 block ("::ffff:0.0.0.0/96") is the IPv4 block that it maps.
 *
 * The forms that ipaddr.js reads beyond that (one to three parts, octal, hexadecimal, a zone) and an
 * address without a length are no CIDR to EC2: they are not guessed at.
 * Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html
 *
 * @param cidr as somebody wrote it; anything else than text is not readable.
 * @returns one block, two for a "/0" without a family, undefined for what is no CIDR. Never throws.
 */
export function readCidr(cidr: unknown): Block[] | undefined {
  if (typeof cidr !== "string") return undefined;
  const text = cidr.trim();
  if (/\/0+$/.test(text)) return everything(text);
  if (text.length > LONGEST_CIDR || text.includes("%")) return undefined;
  if (IPv4.isValidCIDRFourPartDecimal(text)) {
    const [address, bits] = IPv4.parseCIDR(text);
    return [block("ipv4", address.toByteArray(), bits)];
  }
  if (!IPv6.isValidCIDR(text)) return undefined;
  const [address, bits] = IPv6.parseCIDR(text);
  if (bits >= 96 && address.isIPv4MappedAddress()) {
    return [block("ipv4", address.toIPv4Address().toByteArray(), bits - 96)];
  }
  return [block("ipv6", address.toByteArray(), bits)];
}

/** A CIDR as AWS writes it. `bits` of its leading bits are fixed, the others are clear. */
export function writeCidr(family: Family, first: bigint, bits: number): string {
  const bytes: number[] = [];
  for (let shift = ADDRESS_BITS[family] - 8; shift >= 0; shift -= 8) {
    bytes.push(Number((first >> BigInt(shift)) & 255n));
  }
  const address = family === "ipv4" ? new IPv4(bytes) : new IPv6(bytes);
  return `${address.toString()}/${bits}`;
}

/** The fewest CIDRs that hold the ranges and nothing else, in ascending order. */
export function cidrsOf(family: Family, ranges: Range[]): string[] {
  const width = BigInt(ADDRESS_BITS[family]);
  const written: string[] = [];
  for (const { first, last } of merge(ranges)) {
    for (let from = first; from <= last; ) {
      let free = 0n;
      while (free < width && isAligned(from, free + 1n) && from + (2n << free) - 1n <= last) free++;
      written.push(writeCidr(family, from, Number(width - free)));
      from += 1n << free;
    }
  }
  return written;
}

function isAligned(address: bigint, free: bigint): boolean {
  return address % (1n << free) === 0n;
}

/** Do these blocks, with those that nobody on the internet can use, hold all of one family? */
export function coverInternet(blocks: Block[], family: Family): boolean {
  const own = ofFamily(blocks, family);
  if (areFew(own, family)) return false;
  const held = [...own, ...notRoutable(family)];
  return subtract([wholeFamily(family)], held).length === 0;
}

/**
 * The families of which these blocks, without the trusted ones, hold a large part: a whole /8 of
 * public IPv4 or /16 of public IPv6. However the part is split into blocks, it is one.
 */
export function largePublicParts(blocks: Block[], trusted: Block[]): Family[] {
  return families.filter((family) => {
    const part = 1n << BigInt(ADDRESS_BITS[family] - LARGE_PART_BITS[family]);
    // A block that is smaller than a part leaves the part around it as public as it was.
    const never = notRoutable(family).filter(({ first, last }) => last - first + 1n >= part);
    const held = subtract(ofFamily(blocks, family), [...ofFamily(trusted, family), ...never]);
    return held.some(({ first, last }) => {
      const aligned = ((first + part - 1n) / part) * part;
      return aligned + part - 1n <= last;
    });
  });
}

/**
 * The families of which these blocks, without the trusted ones, hold a whole half: 0.0.0.0/1,
 * 128.0.0.0/1, and the halves of 2000::/3. One more such source makes the world.
 */
export function internetHalves(blocks: Block[], trusted: Block[]): Family[] {
  return families.filter((family) => {
    if (areFew(ofFamily(blocks, family), family)) return false;
    const { first, last } = family === "ipv4" ? wholeFamily(family) : GLOBAL_UNICAST;
    const middle = (first + last) / 2n;
    const own = subtract(ofFamily(blocks, family), ofFamily(trusted, family));
    const held = [...own, ...notRoutable(family)];
    return [
      { first, last: middle },
      { first: middle + 1n, last },
    ].some((half) => within(half, held));
  });
}

/**
 * Fewer addresses than half of the public internet has, however they are spread? Most groups name an
 * office, and are answered without looking at which of its addresses are public.
 */
function areFew(blocks: Block[], family: Family): boolean {
  const addresses = blocks.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
  return addresses < FEW[family];
}

/** Less than a half without its blocks that are not routable: 2 ** 31 and 2 ** 124, at the most. */
const FEW = { ipv4: 1n << 30n, ipv6: 1n << 123n };

/** 2000::/3, all that IANA has made public. Source: https://www.iana.org/assignments/ipv6-address-space */
const GLOBAL_UNICAST = { first: 1n << 125n, last: (1n << 126n) - 1n };

/**
 * May this source, with others, be the world? True for a public IPv4 /8 or wider, an IPv6 /16 or
 * wider, and for what cannot be read; false for a block that is narrower or not public.
 */
export function mayCompleteWorld(cidr: string): boolean {
  return mayCompleteWorldTogether([cidr]);
}

/** The same of several sources, which may be a large part only together. */
export function mayCompleteWorldTogether(cidrs: string[]): boolean {
  const read = cidrs.map(readCidr);
  const blocks = read.flatMap((one) => one ?? []);
  return read.includes(undefined) || largePublicParts(blocks, []).length > 0;
}

/** Is every address of the range in one of the others? */
export function within(range: Range, others: Range[]): boolean {
  return subtract([range], others).length === 0;
}

/** The ranges, joined where they touch, in ascending order. */
export function merge(ranges: Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of [...ranges].sort(byFirst)) {
    const open = merged.at(-1);
    if (open === undefined || range.first > open.last + 1n) merged.push({ ...range });
    else if (range.last > open.last) open.last = range.last;
  }
  return merged;
}

/** What is left of the ranges when the others are taken away, in ascending order. */
export function subtract(ranges: Range[], others: Range[]): Range[] {
  const holes = merge(others);
  return merge(ranges).flatMap(({ first, last }) => {
    const left: Range[] = [];
    let from = first;
    for (const hole of holes) {
      if (hole.last < from) continue;
      if (hole.first > last) break;
      if (hole.first > from) left.push({ first: from, last: hole.first - 1n });
      from = hole.last + 1n;
    }
    if (from <= last) left.push({ first: from, last });
    return left;
  });
}

export function ofFamily(blocks: Block[], family: Family): Block[] {
  return blocks.filter((candidate) => candidate.family === family);
}

/** The blocks of one family that nobody on the internet can use as a source. */
export function notRoutable(family: Family): Block[] {
  return NOT_ROUTABLE_BLOCKS[family];
}

function byFirst(a: Range, b: Range): number {
  return Number(a.first > b.first) - Number(a.first < b.first);
}

function everything(text: string): Block[] {
  if (text.length > LONGEST_CIDR) return families.map(wholeFamily);
  if (IPv4.isValidCIDR(text)) return [wholeFamily("ipv4")];
  if (IPv6.isValidCIDR(text)) return [wholeFamily("ipv6")];
  return families.map(wholeFamily);
}

function wholeFamily(family: Family): Block {
  return block(family, [0], 0);
}

function block(family: Family, address: number[], bits: number): Block {
  const size = 1n << BigInt(ADDRESS_BITS[family] - bits);
  const value = address.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  const first = (value / size) * size;
  return { family, first, last: first + size - 1n };
}

/** Read once: every question about the internet asks for them. */
const NOT_ROUTABLE_BLOCKS = {
  ipv4: NOT_ROUTABLE.ipv4.flatMap((cidr) => readCidr(cidr) ?? []),
  ipv6: NOT_ROUTABLE.ipv6.flatMap((cidr) => readCidr(cidr) ?? []),
};
