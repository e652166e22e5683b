import ipaddr from "ipaddr.js";
import type { AclEntry } from "../../networkAcl/acl";
import type { BlockRequest } from "../../networkAcl/plan";

/** A packet that enters the subnet: its source's bits as text, 32 or 128 of "0" and "1". */
export interface Packet {
  protocol: string;
  bits: string;
  port: number;
}

/** What AWS does with a packet, entry by entry; with texts of bits, unlike the planner. */
export function verdict(entries: AclEntry[], packet: Packet): "allow" | "deny" {
  let first: AclEntry | undefined;
  for (const entry of entries) {
    if (entry.egress || (first && first.number < entry.number)) continue;
    if (matches(entry, packet)) first = entry;
  }
  return first?.action ?? "deny";
}

function matches({ protocol, cidr, fromPort, toPort }: AclEntry, packet: Packet): boolean {
  if (!holds(cidr, packet.bits)) return false;
  if (protocol === "-1") return true;
  if (protocol !== packet.protocol) return false;
  if (protocol !== "6" && protocol !== "17") return true;
  return packet.port >= (fromPort ?? 0) && packet.port <= (toPort ?? 65535);
}

/** Is this packet one that the request is to block? */
export function isAsked({ sources, keep, ports }: BlockRequest, packet: Packet): boolean {
  if (packet.protocol !== "6" || !ports.includes(packet.port)) return false;
  return isFrom(sources, packet) && !isFrom(keep, packet);
}

export function isFrom(cidrs: string[], { bits }: Packet): boolean {
  return cidrs.some((cidr) => holds(cidr, bits));
}

const prefixes = new Map<string, { prefix: string; width: number }>();

function holds(cidr: string, bits: string): boolean {
  const { prefix, width } = prefixOf(cidr);
  return bits.length === width && bits.startsWith(prefix);
}

function prefixOf(cidr: string): { prefix: string; width: number } {
  const known = prefixes.get(cidr);
  if (known) return known;
  const [address, length] = ipaddr.parseCIDR(cidr);
  const bits = address.toByteArray().map((byte) => byte.toString(2).padStart(8, "0"));
  const read = { prefix: bits.join("").slice(0, length), width: 8 * bits.length };
  if (prefixes.size < 10_000) prefixes.set(cidr, read);
  return read;
}

/** Packets at the edges of everything that is named, on both sides of each. */
export function packetsAt(entries: AclEntry[], requests: BlockRequest[]): Packet[] {
  const cidrs = [
    ...entries.map(({ cidr }) => cidr),
    ...requests.flatMap(({ sources, keep }) => [...sources, ...keep]),
  ];
  const sources = new Set(cidrs.flatMap(edges));
  const ports = new Set([
    ...entries.flatMap(({ fromPort, toPort }) =>
      fromPort === undefined ? [] : around(fromPort, toPort as number),
    ),
    ...requests.flatMap((request) => request.ports.flatMap((port) => around(port, port))),
  ]);
  const named = [...ports].filter((port) => port >= 0 && port <= 65535);
  return [...sources].flatMap((bits) => [
    ...named.map((port) => ({ protocol: "6", bits, port })),
    { protocol: "17", bits, port: 22 },
    { protocol: "1", bits, port: 0 },
  ]);
}

const around = (from: number, to: number) => [from - 1, from, to, to + 1];

function edges(cidr: string): string[] {
  const { prefix, width } = prefixOf(cidr);
  const first = prefix.padEnd(width, "0");
  const last = prefix.padEnd(width, "1");
  return [first, last, neighbour(first, -1n), neighbour(last, 1n)];
}

function neighbour(bits: string, by: bigint): string {
  const next = BigInt.asUintN(bits.length, BigInt(`0b${bits}`) + by);
  return next.toString(2).padStart(bits.length, "0");
}
