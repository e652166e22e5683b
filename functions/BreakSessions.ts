import type { RemoteAddressSubject } from "../events/incident";
import { type AclChange, type AclEntry, describe, mostInUse, sameEntry } from "../networkAcl/acl";
import { type BlockRequest, MOST_ENTRIES, planBlock } from "../networkAcl/plan";
import { standing } from "../networkAcl/shared";
import { entriesNow, sameBlock } from "../networkAcl/trace";
import { readCidr } from "../rulebook/cidr";
import {
  addToCase,
  allEntries,
  type BranchInput,
  type Case,
  joined,
  type Mode,
  openCase,
  type Pass,
} from "./case";
import { clientTimes } from "./client";
import { type Cut, cutting, textOf } from "./cut";
import {
  type Acl,
  aclCuts,
  aclOf,
  block,
  type Changed,
  isChanged,
  remove,
} from "./infrastructure/acls";
import {
  aclsTried,
  addressRequest,
  isCrowded,
  MOST_ADDRESS_ENTRIES,
  standingBlock,
} from "./infrastructure/addressBlock";
import {
  type BlockStore,
  blockStoreActions,
  changesOf,
  readBlocks,
  type StoredBlocks,
  type StoredChange,
  soonOver,
  strangeBlock,
  writeBlocks,
} from "./infrastructure/blocks";
import {
  type Hit,
  ingressOf,
  type Lost,
  type Nic,
  nicsBy,
  prefixLists,
  type Reach,
  reachLooks,
  reachOf,
  requestsFor,
  tracking,
  vpcsOf,
  withLists,
} from "./infrastructure/reach";
import { whyKept } from "./infrastructure/remoteAddress";

type Ec2Sdk = typeof import("../sdk/networkAcl");
type S3Sdk = typeof import("@aws-sdk/client-s3");

/** Whose sessions are cut: of everybody who lost access, or only where nobody else is hit. */
export type BreakSessions = boolean | "only-exclusive";

/** What the handler is told when it is deployed. */
export interface BreakSettings {
  mode: Mode;
  sshPorts: number[];
  trustedCidrs: string[];
  trustedLists: string[];
  breakSessions: BreakSessions;
  sessionBlockMinutes: number;
}

/** What the handler calls on the account, and on the bucket of the cases. */
export const breakSessionsActions = {
  looks: reachLooks,
  cuts: aclCuts,
  store: { looks: blockStoreActions.looks, cuts: ["s3:PutObject"] },
};

/**
 * Entries of its own that a network ACL takes where AWS has raised the quota as far as it does, the
 * entry `*` not counted: believed until EC2 says that it has no room.
 * Source: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html (Network ACLs)
 */
const MOST_RAISED = 39;

/** Plans for one network ACL before somebody else's changes are left to the next pass. */
const MOST_PLANS = 5;

interface Hand {
  sdk: Ec2Sdk;
  ec2: import("@aws-sdk/client-ec2").EC2Client;
  cut: Cut;
  store: BlockStore;
  settings: BreakSettings;
  /** The case's blocks so far: as they were found at first, and what was done since. */
  own: StoredBlocks;
  /** Those of all others, read after the ACLs: what an ACL shows of them is then known for theirs. */
  others: StoredBlocks[];
  /** Keys of what is no block; undefined: nothing was read yet. */
  strange?: string[];
}

/**
 * Cuts the sessions of those who lost access: blocks the SSH ports in the network ACLs of the
 * subnets in which the case's groups have interfaces, for a while. A security group that lost a rule
 * lets a session go on that EC2 tracks; a network ACL does not. An address that tries passwords is
 * blocked in the network ACL of the subnet in which it does.
 *
 * Each pass does what is missing. What is blocked is written to the bucket before the first entry is
 * made. What a failed call or look left unblocked is in the case's `unblocked`.
 * Runs once per cold start and returns the handler.
 */
export function breakSessions(sdk: Ec2Sdk, s3Sdk: S3Sdk, settings: BreakSettings) {
  const ec2 = new sdk.EC2Client(clientTimes);
  const bucket = process.env.CASE_BUCKET ?? "";
  const store = { sdk: s3Sdk, s3: new s3Sdk.S3Client(clientTimes), bucket };

  const broken = async (before: Case): Promise<Case> => {
    const lost = await lostAccess({ sdk, ec2 }, before);
    const tried = before.subjects.flatMap((one) => (one.kind === "remoteAddress" ? [one] : []));
    if (lost.rules.length + tried.length === 0) return before;
    const actions: Case["actions"] = [];
    const cut = cutting(settings.mode, actions, before.actions);
    const none = newBlocks(before.id, settings);
    const hand: Hand = { sdk, ec2, cut, store, settings, own: none, others: [] };
    const trusted = await trustedSources({ sdk, ec2 }, settings);
    const passes = lost.rules.length > 0 ? await blockLost(hand, lost, trusted) : [];
    for (const subject of tried) passes.push(await blockAddress(hand, subject, trusted));
    const { own, strange = [] } = hand;
    passes.push({ alerts: strange.map((key) => strangeBlock(bucket, key)) });
    const after = addToCase(before, passes, actions);
    const unblocked = passes.flatMap((pass) => pass.open ?? []);
    const { unblocked: _, ...rest } = after;
    return {
      ...rest,
      // What is open was for the pass before to say.
      open: before.open,
      ...(unblocked.length > 0 && { unblocked }),
      ...(own.changes.length > 0 && settings.mode === "enforce" && { blockedUntil: own.until }),
    };
  };

  return async (input: BranchInput): Promise<Case> => {
    const before = openCase(input, settings.mode);
    return broken(before).catch((error) => unseen(before, error));
  };
}

/** What could not be looked at, or not be written down, is left as it is until the next pass. */
function unseen(before: Case, error: unknown): Case {
  const of = before.subjects.flatMap((one) => {
    if (one.kind === "remoteAddress") return [one.address];
    return one.kind === "securityGroup" ? [one.groupId] : [];
  });
  return { ...before, unblocked: [`sessions of ${of.join(", ")} may go on: ${textOf(error)}`] };
}

function newBlocks(caseId: string, { sessionBlockMinutes }: BreakSettings): StoredBlocks {
  const until = new Date(Date.now() + sessionBlockMinutes * 60_000).toISOString();
  return { caseId, until, changes: [] };
}

/**
 * The rules that the case took from its groups, with what their prefix lists had then and have now:
 * who came in before the cut has a session, and whoever took the list over may have narrowed it.
 */
async function lostAccess(hand: Pick<Hand, "sdk" | "ec2">, known: Case): Promise<Lost> {
  const groups = known.subjects.flatMap((one) => (one.kind === "securityGroup" ? [one] : []));
  const rules = groups.flatMap(({ before }) => before.rules.map(ingressOf));
  const now = await prefixLists(
    hand,
    rules.flatMap(({ cidrs }) => cidrs.filter((cidr) => cidr.startsWith("pl-"))),
  );
  const lists = allEntries([known.prefixLists, now]) ?? {};
  return {
    groupIds: groups.map(({ groupId }) => groupId),
    rules: rules.map((rule) => withLists(rule, lists)),
  };
}

async function trustedSources(
  hand: Pick<Hand, "sdk" | "ec2">,
  { trustedCidrs, trustedLists }: BreakSettings,
): Promise<string[]> {
  return [...trustedCidrs, ...Object.values(await prefixLists(hand, trustedLists)).flat()];
}

/** An interface loses its group and keeps its sessions: which one that was, no look tells. */
function aboutTracking({ nics, rules }: Reach, lost: Lost): Pass {
  const { tracked, untracked } = tracking(nics, rules, lost);
  const of = lost.groupIds.join(", ");
  if (tracked.length + untracked.length === 0) {
    const alert = `${of} is on no network interface now, so no network ACL is blocked: a session to an interface from which it was taken may go on`;
    return { alerts: [alert] };
  }
  return {
    notes: [
      ...(untracked.length > 0
        ? [`EC2 did not track sessions by ${of} to ${named(untracked)}: revoking the rule cut them`]
        : []),
      ...(tracked.length > 0
        ? [`EC2 tracks sessions by ${of} to ${named(tracked)}: only the network ACL cuts them`]
        : []),
    ],
  };
}

/** A rule of which nobody knows any more whom it let in. */
function withoutSources({ rules }: Lost): Pass {
  const unknown = rules.filter(({ cidrs }) => !cidrs.some((cidr) => readCidr(cidr)));
  return {
    open: unknown.map(({ id }) => `sessions by ${id} may go on: it is not known whom it let in`),
  };
}

const LISTED = 10;

function named(nics: Nic[]): string {
  const words = nics.map(({ id, instanceId }) => (instanceId ? `${id} (${instanceId})` : id));
  const rest = words.length - LISTED;
  return rest > 0 ? `${words.slice(0, LISTED).join(", ")} and ${rest} more` : words.join(", ");
}

/** Cuts off who lost access by the rules that are gone, in one network ACL after the other. */
async function blockLost(hand: Hand, lost: Lost, trusted: string[]): Promise<Pass[]> {
  const nics = await nicsBy(hand, "group-id", lost.groupIds);
  const reach = await reachOf(
    hand,
    nics.map(({ subnetId }) => subnetId),
  );
  await readNow(hand);
  const passes = [aboutTracking(reach, lost), withoutSources(lost)];
  for (const acl of reach.acls) {
    passes.push(...(await blockAcl(hand, acl, reach, { lost, trusted })));
  }
  return passes;
}

/** Blocks an address that tries passwords, before the interface on which it does. */
async function blockAddress(
  hand: Hand,
  subject: RemoteAddressSubject,
  trusted: string[],
): Promise<Pass> {
  const acls = await aclsTried(hand, subject);
  await readNow(hand);
  if (acls.length === 0) {
    const where = subject.interfaceId ?? subject.instanceId ?? "an instance without a name";
    const why = `no subnet is found in which it tries ${where}`;
    return { alerts: [`${subject.address} is not blocked: ${why}`] };
  }
  const vpcs = await vpcsOf(
    hand,
    acls.map(({ vpcId }) => vpcId),
  );
  const passes: Pass[] = [];
  for (const acl of acls) {
    const why = whyKept(subject.address, trusted, vpcs[acl.vpcId] ?? []);
    passes.push(
      why
        ? { alerts: [`${subject.address} ${why}: it is not blocked in ${acl.id}`] }
        : await blockAddressIn(hand, acl, subject.address),
    );
  }
  return joined(passes);
}

/** Blocks an address in one network ACL, unless another case does, for long enough. */
async function blockAddressIn(hand: Hand, acl: Acl, address: string): Promise<Pass> {
  const { own, others, settings, store } = hand;
  const request = addressRequest(address, settings.sshPorts);
  const what = `tcp ${request.ports.join(", ")} in ${acl.id}`;
  const half = new Date(Date.now() + settings.sessionBlockMinutes * 30_000).toISOString();
  const other = standingBlock(others, acl, request, half);
  if (other) {
    const by = `the case ${other.caseId} has blocked it`;
    return { alerts: [`${address} is kept from ${what} until ${other.until}: ${by}`] };
  }
  if (isCrowded([...others, own], acl, request)) {
    const why = `${MOST_ADDRESS_ENTRIES} of its entries block other addresses, and those left are for sessions by lines that are closed`;
    return { alerts: [`${address} is not blocked in ${acl.id}: ${why}`] };
  }
  const pass = await blockRequest(hand, acl, request);
  const { subjects = [], open = [], alerts = [], notes = [] } = pass;
  if (open.length > 0) return { subjects, open, alerts };
  if (subjects.length === 0)
    return { alerts, notes: [`${address} is kept from ${what} by other entries`] };
  if (settings.mode === "observe") return { subjects };
  const early = `npm run restore -- s3://${store.bucket}/cases/${own.caseId}.json --only network-acls`;
  return {
    subjects,
    notes,
    alerts: [
      ...alerts,
      `${address} is kept from ${what} until ${own.until}. This lets it in again: ${early}`,
    ],
  };
}

/** Reads what is blocked. What this pass did itself is not read again. */
async function readNow(hand: Hand): Promise<void> {
  const { own, strange: isRead } = hand;
  const { blocks, strange } = await readBlocks(hand.store, own.caseId);
  if (!isRead) hand.own = blocks.find(({ caseId }) => caseId === own.caseId) ?? own;
  hand.others = blocks.filter(({ caseId }) => caseId !== own.caseId);
  hand.strange = strange;
}

/** One network ACL, request by request. */
async function blockAcl(
  hand: Hand,
  acl: Acl,
  reach: Reach,
  { lost, trusted }: { lost: Lost; trusted: string[] },
): Promise<Pass[]> {
  const { sshPorts, breakSessions: whose } = hand.settings;
  const { requests, hits, strangers } = requestsFor(acl, reach, lost, { sshPorts, trusted });
  const spared = [
    ...(hits.length > 0 ? [`${whoIsHit(hits)}, which the same sources may reach`] : []),
    ...strangers.map((who) => `${who}, which a rule lets in and whose addresses are not known`),
  ];
  if (spared.length > 0 && whose === "only-exclusive") {
    const alert = `${acl.id} is not blocked, and sessions go on: the block would hit ${spared.join("; ")}, and breakSessions is only-exclusive`;
    return [{ alerts: [alert] }];
  }
  const passes: Pass[] = [];
  for (const request of requests) passes.push(await blockRequest(hand, acl, request));
  const isBlocked = passes.some(({ subjects = [] }) => subjects.length > 0);
  if (hits.length > 0 && isBlocked) {
    passes.push({ alerts: [`The block of ${acl.id} also hits SSH to ${whoIsHit(hits)}`] });
  }
  if (isBlocked) {
    const alerts = strangers.map(
      (who) =>
        `The block of ${acl.id} may also hit SSH from ${who}: a rule lets the group in, and the addresses of its VPC are not known here. Put them into trustedCidrs where they need SSH`,
    );
    passes.push({ alerts });
  }
  return passes;
}

function whoIsHit(hits: Hit[]): string {
  const groups = [...new Set(hits.flatMap(({ groupIds }) => groupIds))];
  return `${named(hits.map(({ nic }) => nic))} by ${groups.join(", ")}`;
}

/**
 * Makes what one request needs. What an earlier pass planned is finished, and what that had no room
 * for is told again; only sources that are new are planned for, and those of a plan that was taken
 * back.
 */
async function blockRequest(hand: Hand, acl: Acl, request: BlockRequest): Promise<Pass> {
  const { own } = hand;
  const known = changesOf([own], acl.id).filter(
    ({ request: { sources, ports } }) =>
      // One that was given up has none.
      sources.length > 0 && JSON.stringify(ports) === JSON.stringify(request.ports),
  );
  const open: string[] = [];
  for (const change of known) {
    if ((await made(hand, acl, asItStands(hand, acl, change))).stopped)
      open.push(unblockedIn(change));
    open.push(...(change.unplaced ?? []));
  }
  const sources = request.sources.filter(
    (source) => !known.some((change) => change.request.sources.includes(source)),
  );
  const asked = { ...request, sources };
  const fresh =
    sources.length === 0
      ? {}
      : ((await shareBlock(hand, acl, asked)) ?? (await blockSources(hand, acl, asked)));
  return joined([{ subjects: known.map((change) => subjectOf(acl, change, own)), open }, fresh]);
}

/** A block with its entries where others have moved them since. */
function asItStands({ others, own }: Hand, acl: Acl, { block }: StoredChange): AclChange {
  const all = changesOf([...others, own], acl.id).map((one) => one.block);
  const later = all.slice(all.findIndex((one) => sameBlock(one, block)) + 1);
  return { ...block, add: entriesNow(acl.entries, block, later) };
}

/**
 * Writes another case's block down for this one, too, where it does what is asked. It takes no entry
 * then, and stands until both are over.
 *
 * @returns undefined where there is none, or it does not stand any more.
 */
async function shareBlock(
  hand: Hand,
  found: Acl,
  request: BlockRequest,
): Promise<Pass | undefined> {
  const { own, others } = hand;
  const soon = soonOver();
  const [shared] = standing(
    found.entries,
    request,
    changesOf(
      others.filter(({ until }) => until > soon),
      found.id,
    ),
  );
  if (!shared) return undefined;
  // At the place of the other among all blocks, which it takes when that one is lifted.
  await keep(hand, { ...shared, request });
  const acl = (await aclOf(hand, found.id)) ?? found;
  const stored = own.changes.at(-1) as StoredChange;
  const { add } = asItStands(hand, acl, stored);
  if (add.every((entry) => acl.entries.some((one) => sameEntry(one, entry)))) {
    const by = others.find(({ changes }) => changes.includes(shared))?.caseId;
    const note = `${acl.id} is blocked as the case ${by} asked: the entries go with the last of both`;
    return { subjects: [subjectOf(acl, stored, own)], notes: [note] };
  }
  own.changes.pop();
  if (hand.settings.mode === "enforce") await writeBlocks(hand.store, own);
  return undefined;
}

/** Plans, writes the plan down and carries it out; another plan where the ACL has changed since. */
async function blockSources(hand: Hand, found: Acl, request: BlockRequest): Promise<Pass> {
  const { own } = hand;
  const passes: Pass[] = [];
  let acl = found;
  let most = MOST_RAISED;
  let isFull = false;
  for (let plans = 0; plans < MOST_PLANS && !(isFull && most < MOST_ENTRIES); plans++) {
    const asked = { ...request, most };
    const blocks = changesOf([...hand.others, own], acl.id).map((one) => one.block);
    const { notes, ...change } = planBlock(acl.entries, asked, blocks);
    const unplaced = notes.map((note) => `${found.id}: ${note}`);
    if (change.add.length + change.move.length === 0)
      return joined([...passes, { open: unplaced }]);
    const at = new Date().toISOString();
    const stored: StoredChange = { aclId: acl.id, at, request: asked, block: change };
    if (unplaced.length > 0) stored.unplaced = unplaced;
    await keep(hand, stored);
    const done = await made(hand, acl, change);
    const subjects = [subjectOf(acl, stored, own)];
    if (!done.stopped) return joined([...passes, { subjects, open: unplaced }]);
    if (done.stopped === "failed") {
      return joined([...passes, { subjects, open: [...unplaced, unblockedIn(stored)] }]);
    }
    passes.push(await retract(hand, acl, stored, done));
    acl = (await aclOf(hand, acl.id)) ?? acl;
    isFull = done.stopped === "full";
    if (isFull) most = quotaOf([...acl.entries, ...done.made], most);
    await readNow(hand);
  }
  const why = isFull ? "has no room for the entries" : "is changed all the time";
  const open = [`${acl.id} ${why}: sessions to tcp ${request.ports.join(", ")} go on`];
  return joined([...passes, { open }]);
}

/**
 * The entries of one's own that a network ACL takes, given those that it had when EC2 said that it is
 * full; fewer than AWS grants unasked where it cannot be even that many.
 *
 * @param most what was believed before.
 */
function quotaOf(entries: AclEntry[], most: number): number {
  if (most === MOST_ENTRIES) return 0;
  return Math.max(MOST_ENTRIES, Math.min(most - 1, mostInUse(entries)));
}

/** Makes a change, and looks whether it was made. */
async function made(hand: Hand, acl: Acl, change: AclChange): Promise<Changed> {
  const changed = await block(hand, acl, change);
  const { made: add, moved: move, stopped } = changed;
  if (stopped || hand.settings.mode === "observe") return changed;
  return (await isChanged(hand, acl.id, { add, move }))
    ? changed
    : { ...changed, stopped: "failed" };
}

/**
 * Gives a plan up: what it has made is taken back. What it has moved stays so, and what cannot be
 * taken back stays too: the lift finds both in what is written down.
 */
async function retract(
  hand: Hand,
  acl: Acl,
  stored: StoredChange,
  { made, moved }: Changed,
): Promise<Pass> {
  const { own, store } = hand;
  const add = await takenBack(hand, acl, made);
  // It blocks none of its sources: a later pass plans for them anew.
  stored.request = { ...stored.request, sources: [] };
  stored.block = { ...stored.block, add, move: moved };
  const isLeft = add.length + moved.length > 0;
  if (!isLeft) own.changes.splice(own.changes.indexOf(stored), 1);
  await writeBlocks(store, own);
  if (!isLeft) return {};
  const kept = add.map(describe).join(", ");
  return {
    subjects: [subjectOf(acl, stored, own)],
    ...(kept && {
      alerts: [`${acl.id} keeps what could not be taken back, until ${own.until}: ${kept}`],
    }),
  };
}

/** Takes entries back, the latest first. @returns those that stay. */
async function takenBack(hand: Hand, acl: Acl, made: AclEntry[]): Promise<AclEntry[]> {
  const left = [...made];
  for (const entry of [...made].reverse()) {
    // What is kept from a wider deny would be cut off if it went before that one.
    if ((await remove(hand, acl.id, entry)) === "failed") return left;
    left.pop();
  }
  return (await isChanged(hand, acl.id, { remove: made })) ? [] : made;
}

/** Written down before it is made; in `observe` nothing is made. */
async function keep({ store, own, settings }: Hand, change: StoredChange): Promise<void> {
  own.changes.push(change);
  if (settings.mode === "enforce") await writeBlocks(store, own);
}

function subjectOf(acl: Acl, { block: change }: StoredChange, { until }: StoredBlocks) {
  return {
    kind: "networkAcl" as const,
    aclId: acl.id,
    before: { entries: acl.entries },
    block: change,
    until,
  };
}

function unblockedIn({ aclId, request }: StoredChange): string {
  return `${aclId} lets sessions to tcp ${request.ports.join(", ")} go on: not every entry could be made`;
}
