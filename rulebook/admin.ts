import { type Answer, every, type Judgement, not, some, yesNo } from "./answer";
import { awsManagedDocument, awsManagedPolicy } from "./managedPolicies";
import {
  type Element,
  matchesExactly,
  matchesPattern,
  readDocument,
  type Statement,
} from "./policyDocument";

/** One policy that a user holds, whichever way it came to him. */
export interface Grant {
  /** Unique among the user's grants: "attached arn:…", "inline p", "group devs attached arn:…". */
  id: string;
  /** For people: "user bob → group devs → AdministratorAccess". */
  path: string;
  policyArn?: string;
  /** As `readDocument` takes it; of a customer's policy the default version. Or "unknown". */
  document?: unknown;
}

export interface AdminJudgement extends Judgement {
  /** Ids of the grants that must go so that the rest is no admin. Empty unless "yes". */
  culprits: string[];
}

/** A call that tells an admin from everybody else. */
interface Probe {
  action: string;
  resource: string;
  words: string;
}

/** No policy names what these characters spell: only a pattern for everything matches. */
const ANY = "~~~~~~~~";
const SELF = `user/\${aws:username}`;

/**
 * The calls by which whoever may make them on everybody makes himself an admin, with what they act on.
 * Sources: https://github.com/prowler-cloud/prowler (iam/lib/privilege_escalation.py),
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
 */
const ESCALATIONS: Record<string, string[]> = {
  user: [
    "AttachUserPolicy",
    "PutUserPolicy",
    "CreateAccessKey",
    "CreateLoginProfile",
    "UpdateLoginProfile",
  ],
  group: ["AttachGroupPolicy", "PutGroupPolicy", "AddUserToGroup"],
  role: ["AttachRolePolicy", "PutRolePolicy", "UpdateAssumeRolePolicy"],
  policy: ["CreatePolicyVersion", "SetDefaultPolicyVersion"],
};

/** On himself these make an admin too; a key or a password of his own gives him nothing new. */
const SELF_ESCALATIONS = ["AttachUserPolicy", "PutUserPolicy"];

/** By these a user takes off the boundary that holds him back. */
const BOUNDARY_REMOVALS = ["DeleteUserPermissionsBoundary", "PutUserPermissionsBoundary"];

const LISTED = 3;

/**
 * Do these grants together make their holder an admin? He is one where he may call anything that
 * nobody thought of naming, on anything ("*" on "*", or nearly so by NotAction or NotResource), or
 * make one of the ESCALATIONS on every user, group, role or policy.
 *
 * An unconditional Deny and a boundary take away; a Condition on an Allow leaves an admin an admin, and
 * one on a Deny leaves it to the caller whether it holds. A boundary that its holder may remove is
 * none. What is not known may allow and may deny: beside it, what would be an admin is "unknown".
 */
export function makesAdmin(grants: Grant[], boundary?: Grant): AdminJudgement {
  const held = grants.map(readGrant);
  const limit = boundary && readGrant(boundary);
  const culprits: ReadGrant[] = [];
  let remaining = held;
  while (answerOf(remaining, limit) === "yes") {
    const makers = remaining.filter((grant) => probesBy(grant, remaining, limit).length > 0);
    culprits.push(...makers);
    remaining = remaining.filter((grant) => !makers.includes(grant));
  }

  const needed = withoutSpare(culprits, remaining, limit);
  if (needed.length > 0) {
    return {
      answer: "yes",
      reasons: held
        .filter((grant) => needed.includes(grant))
        .map((grant) => whyAdmin(grant, needed, remaining, limit)),
      culprits: held.filter((grant) => needed.includes(grant)).map(({ grant }) => grant.id),
    };
  }
  const answer = answerOf(held, limit);
  return {
    answer,
    reasons: answer === "unknown" ? whyUnknown(held, limit) : [whyNot(held, limit)],
    culprits: [],
  };
}

/** Does this document alone make its holder an admin? */
export function documentMakesAdmin(document: unknown): Judgement {
  const { answer, reasons } = makesAdmin([{ id: "document", path: "the document", document }]);
  return { answer, reasons };
}

/** A grant whose document has been read; undefined statements may be any. */
interface ReadGrant {
  grant: Grant;
  statements: Statement[] | undefined;
}

/** The name of an AWS policy is enough: what it is listed with, else what its document says. */
function readGrant(grant: Grant): ReadGrant {
  const { policyArn = "", document } = grant;
  const listed = awsManagedDocument(policyArn);
  if (listed !== undefined) return { grant, statements: readDocument(listed) };
  const statements = readDocument(document);
  return { grant, statements: statements ?? (awsManagedPolicy(policyArn) ? [] : undefined) };
}

function answerOf(held: ReadGrant[], limit: ReadGrant | undefined): Answer {
  return some(probes().map((probe) => mayCall(held, probe, limit)));
}

/** The calls of an admin that this grant allows and nothing denies. */
function probesBy(maker: ReadGrant, held: ReadGrant[], limit: ReadGrant | undefined): Probe[] {
  return probes().filter(
    (probe) => allows(maker, probe) === "yes" && mayCall(held, probe, limit) === "yes",
  );
}

/** A grant that makes an admin only as long as another does (it removes the boundary) may stay. */
function withoutSpare(
  culprits: ReadGrant[],
  remaining: ReadGrant[],
  limit: ReadGrant | undefined,
): ReadGrant[] {
  const staying = [...remaining];
  return culprits.filter((culprit) => {
    if (answerOf([...staying, culprit], limit) === "yes") return true;
    staying.push(culprit);
    return false;
  });
}

function probes(): Probe[] {
  const everywhere = Object.entries(ESCALATIONS).flatMap(([kind, actions]) =>
    actions.map((action) => iamProbe(action, `${kind}/${ANY}`, `on every ${kind}`)),
  );
  const self = SELF_ESCALATIONS.map((action) => iamProbe(action, SELF, "on himself"));
  return [anything(), ...everywhere, ...self];
}

function anything(): Probe {
  return {
    action: `${ANY}:${ANY}`,
    resource: `arn:aws:${ANY}:${ANY}:${ANY}:${ANY}/${ANY}`,
    words: "nearly everything",
  };
}

function iamProbe(action: string, name: string, scope: string): Probe {
  return {
    action: `iam:${action}`,
    resource: `arn:aws:iam::${ANY}:${name}`,
    words: `iam:${action} ${scope}`,
  };
}

function mayCall(held: ReadGrant[], probe: Probe, limit: ReadGrant | undefined): Answer {
  const granted = allowedBy(held, probe);
  if (limit === undefined || granted === "no") return granted;
  const removable = BOUNDARY_REMOVALS.map((action) => {
    const removal = iamProbe(action, SELF, "on himself");
    return every([allowedBy(held, removal), allowedBy([limit], removal)]);
  });
  return every([granted, some([allowedBy([limit], probe), ...removable])]);
}

function allowedBy(held: ReadGrant[], probe: Probe): Answer {
  return every([
    some(held.map((grant) => allows(grant, probe))),
    not(some(held.map((grant) => denies(grant, probe)))),
  ]);
}

function allows({ statements }: ReadGrant, probe: Probe): Answer {
  if (statements === undefined) return "unknown";
  return some(
    statements.map((statement) =>
      every([has(statement, "Allow"), covers(statement, "Allow", probe)]),
    ),
  );
}

function denies({ statements }: ReadGrant, probe: Probe): Answer {
  if (statements === undefined) return "unknown";
  return some(
    statements.map((statement) =>
      every([
        has(statement, "Deny"),
        statement.conditional === "unknown" ? "unknown" : yesNo(!statement.conditional),
        covers(statement, "Deny", probe),
      ]),
    ),
  );
}

function has({ effect }: Statement, wanted: "Allow" | "Deny"): Answer {
  return effect === "unknown" ? "unknown" : yesNo(effect === wanted);
}

function covers({ action, resource }: Statement, effect: "Allow" | "Deny", probe: Probe): Answer {
  const wide = (effect === "Allow") !== resource.inverted;
  return every([
    matches(action, (pattern) => matchesPattern(pattern, probe.action)),
    matches(resource, (pattern) => matchesExactly(resourcePattern(pattern, wide), probe.resource)),
  ]);
}

function matches({ inverted, patterns }: Element, test: (pattern: string) => boolean): Answer {
  const matched = some(
    patterns.map((pattern) => (pattern === "unknown" ? "unknown" : yesNo(test(pattern)))),
  );
  return inverted ? not(matched) : matched;
}

/**
 * A resource pattern as the probes can match it. The variables for the caller's own account and
 * partition narrow nothing. Whose account or partition a literal names, no document tells: what
 * grants is read as ours (`wide`), what takes away is not.
 */
function resourcePattern(pattern: string, wide: boolean): string {
  const plain = pattern
    .replace(
      /\$\{(?:aws:PrincipalAccount|aws:ResourceAccount|AWS::AccountId|AWS::Partition)\}/gi,
      "*",
    )
    .replace(/\$\{aws:username\}/gi, "${aws:username}");
  if (!wide) return plain;
  return plain
    .replace(/^arn:aws(?:-[a-z]+)*:/, "arn:aws:")
    .replace(/^(arn:[^:]*:[^:]*:[^:]*:)\d{12}:/, "$1*:");
}

function whyAdmin(
  maker: ReadGrant,
  makers: ReadGrant[],
  remaining: ReadGrant[],
  limit: ReadGrant | undefined,
): string {
  // What another culprit denies counts only as long as that one is there.
  const together = probesBy(maker, [...remaining, ...makers], limit);
  const found = together.length > 0 ? together : probesBy(maker, [...remaining, maker], limit);
  const [first, ...rest] = found;
  const words = found.map((probe) => probe.words);
  if (found.length === probes().length) return `${maker.grant.path} allows everything`;
  if (first?.words === anything().words) {
    return `${maker.grant.path} allows nearly everything${rest.length > 0 ? `, ${shortList(words.slice(1))} among it` : ""}`;
  }
  return `${maker.grant.path} allows ${shortList(words)}: one call from admin`;
}

function whyUnknown(held: ReadGrant[], limit: ReadGrant | undefined): string[] {
  const doubtful = [...held, ...(limit ? [limit] : [])].filter(isDoubtful);
  return doubtful.map(({ grant, statements }) =>
    statements === undefined
      ? `${grant.path} cannot be read: whether it makes or keeps from an admin is not known`
      : `${grant.path} has values that are not known: whether it makes or keeps from an admin is not known`,
  );
}

function isDoubtful(grant: ReadGrant): boolean {
  const removals = BOUNDARY_REMOVALS.map((action) => iamProbe(action, SELF, "on himself"));
  return [...probes(), ...removals].some(
    (probe) => allows(grant, probe) === "unknown" || denies(grant, probe) === "unknown",
  );
}

function whyNot(held: ReadGrant[], limit: ReadGrant | undefined): string {
  const makers = held.filter((maker) => probes().some((probe) => allows(maker, probe) === "yes"));
  if (makers.length === 0) return "no policy here makes an admin";
  const paths = shortList(makers.map(({ grant }) => grant.path));
  return limit !== undefined && answerOf(held, undefined) === "yes"
    ? `${limit.grant.path} holds back what ${paths} would allow`
    : `what ${paths} would allow is denied`;
}

function shortList(words: string[]): string {
  const rest = words.length - LISTED;
  return rest > 0 ? `${words.slice(0, LISTED).join(", ")} and ${rest} more` : words.join(", ");
}
