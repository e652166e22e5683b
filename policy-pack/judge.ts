import { documentMakesAdmin, makesAdmin } from "../rulebook/admin";
import type { Exemption } from "../rulebook/exemptions";
import { readDocument } from "../rulebook/policyDocument";
import { type Ingress, mayReachSsh, type SshRule, sshOpenToWorld } from "../rulebook/ssh";
import { type Graph, type HeldGrant, join, type Opening, type UserNode } from "./graph";
import { holdsUnknown, type Resource } from "./resource";

/** What the pack is told about the account. */
export interface PackSettings extends SshRule {
  /** Prefix lists among the trusted sources, by id. */
  trustedLists: string[];
}

/** One cause of one danger: what is reported once. */
export interface Finding {
  rule: Exemption["rule"];
  /** "unknown": only deployment, or a look elsewhere, can tell. */
  answer: "yes" | "unknown";
  /** The resource to change. */
  urn: string;
  /** "ingress[1]", "Resources.Web.securityGroupIngress[0]"; "" for the resource as a whole. */
  place: string;
  /** What it is about and why, one sentence each. */
  reasons: string[];
  /** What to write instead, as a line of code. */
  fix: string;
  /** Whom it concerns, each by every name that an owner may have exempted: all must be exempt. */
  subjects: string[][];
}

/** How each rule is judged over a program's resources, joined. */
const judges: Record<Exemption["rule"], (graph: Graph, settings: PackSettings) => Finding[]> = {
  "ssh-open-to-world": ({ groups }, settings) =>
    groups.flatMap((group) => openGroup(group, settings)),
  "admin-user": ({ users }) => adminUsers(users),
};

/** Every danger of a program's resources by one rule, in a stable order: by resource and place. */
export function judge(
  rule: Exemption["rule"],
  resources: Resource[],
  settings: PackSettings,
): Finding[] {
  const inOrder = [...resources].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const graph = join(inOrder, settings.trustedLists);
  const doubts = graph.doubts.filter((doubt) => doubt.rule === rule);
  return sorted([...judges[rule](graph, settings), ...doubts.map(doubted)]);
}

/**
 * The open SSH of one resource alone. Rules only add, so what is open here stays open whatever else
 * the program holds; of grants that is not true, since others may deny.
 */
export function openAlone(resource: Resource[], settings: PackSettings): Finding[] {
  const found = judge("ssh-open-to-world", resource, settings);
  return found.filter(({ answer }) => answer === "yes");
}

/** Does the resource add a rule to a group that another makes? That group may be exempt by its name. */
export function addsToOther(resource: Resource[]): boolean {
  return join(resource).groups.some((group) => group.by === undefined);
}

function doubted({ by, rule, why, fix }: Graph["doubts"][number]): Finding {
  const place = within(by, "");
  const subjects = [subjectsOf(by)];
  return { rule, answer: "unknown", urn: by.urn, place, reasons: [why], fix, subjects };
}

function openGroup(group: Graph["groups"][number], settings: PackSettings): Finding[] {
  const judgement = sshOpenToWorld(
    group.openings.map(({ ingress }) => ingress),
    settings,
  );
  if (judgement.answer === "no") return [];
  const open = group.openings.filter(({ ingress }) => judgement.openers.includes(ingress.id));
  if (judgement.answer === "yes") {
    const alone = open.filter(
      ({ ingress }) => sshOpenToWorld([ingress], settings).answer === "yes",
    );
    const together = open.filter((opening) => !alone.includes(opening));
    return [
      ...alone.map((opening) => opened(group, [opening], settings)),
      ...(together.length > 0 ? [opened(group, together, settings)] : []),
    ];
  }
  const doubtful = group.openings.filter(
    ({ ingress }) => sshOpenToWorld([ingress], settings).answer === "unknown",
  );
  if (doubtful.length === 0) {
    // Only together: two quarters of the internet are half of it.
    const reaching = group.openings.filter(
      ({ ingress }) => mayReachSsh(ingress, settings) !== "no" && ingress.cidrs.length > 0,
    );
    const { reasons } = judgement;
    return [finding(group, reaching, { answer: "unknown", reasons }, settings)];
  }
  return doubtful.map((opening) => {
    const { reasons } = sshOpenToWorld([opening.ingress], settings);
    return finding(group, [opening], { answer: "unknown", reasons }, settings);
  });
}

function opened(
  group: Graph["groups"][number],
  openings: Opening[],
  settings: PackSettings,
): Finding {
  const [first] = openings as [Opening];
  const rules = openings.map(({ ingress }) => narrowed(ingress, openings, settings));
  const because = openings.flatMap((opening) => opening.because ?? []);
  const reasons = because.length > 0 ? because : sshOpenToWorld(rules, settings).reasons;
  return finding(group, openings, { answer: "yes", reasons }, settings, first);
}

/** A permission with the sources that open it only: the others, which may be secrets, are not told. */
function narrowed(ingress: Ingress, openings: Opening[], settings: PackSettings): Ingress {
  const each = openings.flatMap((opening) =>
    opening.ingress.cidrs.map((cidr) => ({ ...opening.ingress, id: cidr, cidrs: [cidr] })),
  );
  const { openers } = sshOpenToWorld(each, settings);
  return { ...ingress, cidrs: ingress.cidrs.filter((cidr) => openers.includes(cidr)) };
}

function finding(
  group: Graph["groups"][number],
  openings: Opening[],
  { answer, reasons }: Pick<Finding, "answer" | "reasons">,
  { trustedCidrs }: PackSettings,
  { by, place, sources, takes } = openings[0] as Opening,
): Finding {
  const where = within(by, [place, sources].filter((part) => part !== "").join("."));
  const instead = written(
    takes,
    sources.startsWith("ipv6") || sources.endsWith("v6"),
    trustedCidrs,
  );
  const known = answer === "yes" || !openings.some(({ ingress }) => holdsUnknown(ingress));
  const why = known ? "who may reach SSH, in place of the world" : UNLESS_KNOWN;
  return {
    rule: "ssh-open-to-world",
    answer,
    urn: by.urn,
    place: within(by, place),
    reasons: reasons.map((reason) => named(reason, openings)),
    fix: `${where}: ${instead} // ${why}`,
    subjects: [[...subjectsOf(by), group.name, ...(group.by ? subjectsOf(group.by) : [])]],
  };
}

const UNLESS_KNOWN = "a value that is known now, or judge it after deployment: npm run audit";

/** The rulebook calls permissions by their ids; the report calls the first by its place already. */
function named(reason: string, openings: Opening[]): string {
  const [first, ...others] = openings as [Opening, ...Opening[]];
  return others.reduce(
    (text, { ingress, by, place }) => text.replaceAll(ingress.id, `${by.name} ${place}`.trim()),
    reason.replaceAll(first.ingress.id, "the rule"),
  );
}

/** What to write in place of the world, in the form that the property takes. */
function written(takes: Opening["takes"], ipv6: boolean, trusted: string[]): string {
  const ofFamily = trusted.filter((cidr) => cidr.includes(":") === ipv6);
  const example = ipv6 ? "2001:db8::/32" : "203.0.113.0/24";
  const [first = example] = ofFamily;
  switch (takes) {
    case "groups":
      return '["sg-0123456789abcdef0"]';
    case "option":
      return JSON.stringify(`tcp,22,22,${first}`);
    case "text":
      return JSON.stringify(first);
    case "list":
      return JSON.stringify(ofFamily.length > 0 ? ofFamily : [example]);
  }
}

/** One finding for each grant that makes admins, with all whom it makes one. */
function adminUsers(users: UserNode[]): Finding[] {
  const byGrant = new Map<string, { grant: HeldGrant; users: UserNode[]; reasons: string[] }>();
  const doubts: Finding[] = [];
  for (const user of users) {
    const judgement = makesAdmin(user.grants, user.boundary, "allow");
    if (judgement.answer === "unknown") doubts.push(...doubtful(user));
    for (const grant of user.grants.filter(({ id }) => judgement.culprits.includes(id))) {
      const known = byGrant.get(grant.id) ?? { grant, users: [], reasons: [] };
      known.users.push(user);
      known.reasons.push(reasonOf(grant, user));
      byGrant.set(grant.id, known);
    }
  }
  const certain = [...byGrant.values()].map(({ grant, users: made, reasons }): Finding => {
    const { by, place } = grant.source;
    return {
      rule: "admin-user",
      answer: "yes",
      urn: by.urn,
      place: within(by, place),
      reasons: [...new Set(reasons)].sort(),
      fix: adminFix(grant),
      subjects: subjectsOfGrant(grant, made),
    };
  });
  return [...certain, ...doubts];
}

function reasonOf(grant: HeldGrant, user: UserNode): string {
  const { reasons } = makesAdmin([grant]);
  const statement = culpritStatement(grant);
  const [reason = `${grant.path} makes an admin, with the user's other policies`] = reasons;
  const ways = [...new Set(user.credentials.map(({ what }) => what))].sort();
  return `${reason}${statement}${ways.length > 0 ? `; he has ${ways.join(" and ")}` : ""}`;
}

/** Which statement does it alone, in words; nothing where it takes several, or the name tells. */
function culpritStatement({ document }: HeldGrant): string {
  const statements = readDocument(document)?.length ?? 0;
  if (statements === 0) return "";
  const list = listed(document);
  const at = list.findIndex((one) => documentMakesAdmin({ Statement: [one] }).answer === "yes");
  return at >= 0 ? ` (Statement[${at}])` : "";
}

function listed(document: unknown): unknown[] {
  try {
    const read = typeof document === "string" ? JSON.parse(document) : document;
    const { Statement } = read as { Statement?: unknown };
    return Array.isArray(Statement) ? Statement : [Statement];
  } catch {
    return [];
  }
}

/** What must be known to tell whether the user is an admin. */
function doubtful(user: UserNode): Finding[] {
  const judged = makesAdmin(user.grants, user.boundary, "allow");
  const unread = user.grants.filter((grant) => makesAdmin([grant]).answer === "unknown");
  const shown = unread[0] ?? user.grants[0];
  if (shown === undefined) return [];
  const { by, place } = shown.source;
  return [
    {
      rule: "admin-user",
      answer: "unknown",
      urn: by.urn,
      place: within(by, place),
      reasons: [...new Set(judged.reasons)].sort(),
      fix: "write the policy's Action and Resource as text, or judge it after deployment: npm run audit",
      subjects: subjectsOfGrant(shown, [user]),
    },
  ];
}

function adminFix({ source: { policy, place } }: HeldGrant): string {
  return "document" in policy
    ? `${place}: { Statement: [{ Effect: "Allow", Action: ["s3:GetObject"], Resource: "arn:aws:s3:::bucket/*" }] } // only what is needed`
    : `${place}: "arn:aws:iam::aws:policy/ReadOnlyAccess" // or only what is needed`;
}

function subjectsOfGrant({ source, exemptNames }: HeldGrant, users: UserNode[]): string[][] {
  return users.map((user) => [
    ...subjectsOf(source.by),
    ...exemptNames,
    user.name,
    ...(user.by ? subjectsOf(user.by) : []),
  ]);
}

function subjectsOf({ name, urn }: Resource): string[] {
  return [name, urn];
}

/** A place as it is written: CloudFormation's properties begin with a capital. */
function within(by: Resource, place: string): string {
  if (by.within === "") return place;
  const written = place.replace(/(^|\.)[a-z]/g, (start) => start.toUpperCase());
  return `${by.within}${written}`.replace(/\.$/, "");
}

function sorted(findings: Finding[]): Finding[] {
  const key = ({ urn, place, reasons }: Finding) => `${urn} ${place} ${reasons.join()}`;
  return findings.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}
