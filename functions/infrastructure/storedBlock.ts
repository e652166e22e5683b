import { HIGHEST_NUMBER } from "../../networkAcl/acl";
import { readCidr } from "../../rulebook/cidr";
import type { StoredBlocks } from "./blocks";

/**
 * The blocks of one case, as `written` wrote them; undefined: the text is something else, in whole or
 * in a part. What it says is deleted and made, so nothing of it is taken on trust but who wrote it.
 */
export function blocksIn(text: string): StoredBlocks | undefined {
  const read = parsed(text);
  const isWhole = isObject(read) && isText(read.caseId) && isTime(read.until);
  return isWhole && isListOf(read.changes, isChange)
    ? (read as unknown as StoredBlocks)
    : undefined;
}

type Fields = Record<string, unknown>;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isChange(change: unknown): boolean {
  if (!isObject(change)) return false;
  const { aclId, at, request, block, unplaced = [] } = change;
  return (
    isText(aclId) &&
    isTime(at) &&
    isRequest(request) &&
    isObject(block) &&
    isListOf(block.add, isOwnEntry) &&
    isListOf(block.move, isMove) &&
    isListOf(block.inherited ?? [], isMove) &&
    isListOf(unplaced, isText)
  );
}

function isRequest(request: unknown): boolean {
  return (
    isObject(request) &&
    isListOf(request.sources, isText) &&
    isListOf(request.keep, isText) &&
    isListOf(request.ports, isPort) &&
    (request.most === undefined || isWithin(request.most, 0, HIGHEST_NUMBER))
  );
}

function isMove(move: unknown): boolean {
  return (
    isObject(move) &&
    isEntry(move.entry) &&
    isNumber(move.to) &&
    (move.foreign === undefined || move.foreign === true)
  );
}

/** A block adds entries about TCP only, each to a range of ports. */
function isOwnEntry(entry: unknown): boolean {
  return isEntry(entry) && entry.protocol === "6" && isPort(entry.fromPort) && isPort(entry.toPort);
}

/** Blocks make and move inbound entries only. */
function isEntry(entry: unknown): entry is Fields {
  if (!isObject(entry)) return false;
  const { number, egress, action, protocol, cidr, fromPort, toPort, icmp } = entry;
  return (
    isNumber(number) &&
    egress === false &&
    (action === "allow" || action === "deny") &&
    typeof protocol === "string" &&
    /^(-1|\d{1,3})$/.test(protocol) &&
    readCidr(cidr) !== undefined &&
    (fromPort === undefined || isPort(fromPort)) &&
    (toPort === undefined || isPort(toPort)) &&
    (icmp === undefined || isIcmp(icmp))
  );
}

function isIcmp(icmp: unknown): boolean {
  return isObject(icmp) && isWithin(icmp.type, -1, 255) && isWithin(icmp.code, -1, 255);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOf(list: unknown, isOne: (one: unknown) => boolean): boolean {
  return Array.isArray(list) && list.every(isOne);
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

/** As toISOString writes it. One that sorts otherwise would never be over. */
function isTime(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const at = new Date(value);
  return !Number.isNaN(at.getTime()) && at.toISOString() === value;
}

/** Of an entry of one's own. */
function isNumber(value: unknown): boolean {
  return isWithin(value, 1, HIGHEST_NUMBER);
}

function isPort(value: unknown): boolean {
  return isWithin(value, 0, 65535);
}

function isWithin(value: unknown, from: number, to: number): boolean {
  return Number.isInteger(value) && Number(value) >= from && Number(value) <= to;
}
