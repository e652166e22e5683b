import { type Answer, every, type Judgement, not, some, yesNo } from "./answer";
import { awsManagedDocument, awsManagedPolicy } from "./managedPolicies";
import {
  type Element,
  matchesExactly,
  matchesPattern,
  readDocument,
  type Statement,
} from "./policyDocument";

/** One policy that counts for a user, and the way by which it reaches him. */
export interface Grant {
  /** Unique among the user's grants: "attached arn:…", "inline p", "group devs inline p". */
  id: string;
  /** For people: "user bob → group devs → AdministratorAccess". */
  path: string;
  /** Of a managed policy. AWS's own are judged by their name. */
  policyArn?: string;
  /** Of an inline policy, or of a customer's policy in its default version; missing is unknown. */
  document?: unknown;
}

export interface AdminJudgement extends Judgement {
  /** Ids of the grants that must go so that the rest makes no admin. Empty unless "yes". */
  culprits: string[];
}

/**
 * Calls that make an admin of whoever may make them on any user, group, role or policy.
 * Source: https://bishopfox.com/blog/privilege-escalation-in-aws and prowler,
 * iam/lib/privilege_escalation.py. What needs iam:PassRole as well depends on the roles there are.
 */
const ONE_CALL_FROM_ADMIN = [
  { action: "iam:AddUserToGroup", kind: "group" },
  { action: "iam:AttachGroupPolicy", kind: "group" },
  { action: "iam:AttachRolePolicy", kind: "role" },
  { action: "iam:AttachUserPolicy", kind: "user" },
  { action: "iam:CreateAccessKey", kind: "user" },
  { action: "iam:CreateLoginProfile", kind: "user" },
  { action: "iam:CreatePolicyVersion", kind: "policy" },
  { action: "iam:PutGroupPolicy", kind: "group" },
  { action: "iam:PutRolePolicy", kind: "role" },
  { action: "iam:PutUserPolicy", kind: "user" },
  { action: "iam:SetDefaultPolicyVersion", kind: "policy" },
  { action: "iam:UpdateAssumeRolePolicy", kind: "role" },
  { action: "iam:UpdateLoginProfile", kind: "user" },
];

/** Of these, the ones that do it on the caller's own user too: the rest is self-service there. */
const ADMIN_BY_OWN_USER = ["iam:AttachUserPolicy", "iam:PutUserPolicy"];

/** Source: https://github.com/boto/botocore, botocore/data/partitions.json. */
const PARTITIONS = [
  "aws",
  "aws-cn",
  "aws-eusc",
  "aws-iso",
  "aws-iso-b",
  "aws-iso-e",
  "aws-iso-f",
  "aws-us-gov",
];

// Names that nobody can have written: characters that no policy may hold, longer than any name, so
// that neither letters nor a row of "?" match them. Whoever covers them covers all that has a name.
const UNNAMED = "\uE000".repeat(130);
const OWN_USER = "\uE001".repeat(130);
const ACCOUNT = "\uE000".repeat(12);

/** One thing to be allowed; the answers are about all of them. */
interface Power {
  action: string;
  resource: string;
  words: string;
  /** What holding it makes of a user. */
  admin: "yes" | "unknown";
}

/** What one grant says to each power, in the order of the powers. */
interface Powers {
  grant: Grant;
  readable: boolean;
  allows: Answer[];
  denies: Answer[];
}

/**
 * Do these grants make their user an admin?
 *
 * He is one who holds an action that no statement names on a resource that none names, so everything
 * or nearly everything; or who may make one of the calls that lead there, on every resource of their
 * kind, or AttachUserPolicy and PutUserPolicy on himself.
 * An Allow counts under any condition. A Deny subtracts where it holds without one and surely
 * matches: partition and account are not known here, so that a Deny for one of them alone does not,
 * while an Allow for one of them is taken to be for the user's own. A user who may assume every role
 * is "unknown", since an admin's may be among them.
 *
 * @param boundary the permissions boundary: only what it allows too counts.
 * @param doubt what a grant that is not known may do: "either" allow or deny, or "allow" only. A gate
 *   asks the second: what nobody can read yet excuses nothing that is written beside it.
 */
export function makesAdmin(
  grants: Grant[],
  boundary?: Grant,
  doubt: "either" | "allow" = "either",
): AdminJudgement {
  const powers = allPowers();
  const read = grants.map((grant) => powersOf(grant, powers));
  const held = doubt === "allow" ? read.map(withoutDoubtfulDenials) : read;
  const limit = boundary && powersOf(boundary, powers);

  const answer = answerFor(powers, held, limit);
  if (answer === "yes") {
    const culprits = culpritsOf(powers, held, limit);
    return {
      answer,
      reasons: culprits.map(
        (culprit) => `${culprit.grant.path} allows ${allowed(powers, culprit)}`,
      ),
      culprits: culprits.map(({ grant }) => grant.id),
    };
  }
  const reasons = answer === "unknown" ? doubts(powers, held, limit) : denials(powers, held, limit);
  return { answer, reasons, culprits: [] };
}

function withoutDoubtfulDenials(powers: Powers): Powers {
  const denies = powers.denies.map((answer): Answer => (answer === "yes" ? "yes" : "no"));
  return { ...powers, denies };
}

/** Does one policy document, with nothing beside it, make an admin? */
export function documentMakesAdmin(document: unknown): Judgement {
  const { answer, reasons } = makesAdmin([{ id: "document", path: "the document", document }]);
  return { answer, reasons };
}

function allPowers(): Power[] {
  return PARTITIONS.flatMap((partition): Power[] => {
    const iam = (kind: string, name: string) => `arn:${partition}:iam::${ACCOUNT}:${kind}/${name}`;
    return [
      {
        action: `${UNNAMED}:${UNNAMED}`,
        resource: `arn:${partition}:${UNNAMED}:${UNNAMED}:${ACCOUNT}:${UNNAMED}`,
        words: "nearly every action on nearly every resource",
        admin: "yes",
      },
      ...ONE_CALL_FROM_ADMIN.map(
        ({ action, kind }): Power => ({
          action,
          resource: iam(kind, UNNAMED),
          words: `${action} on every ${kind}`,
          admin: "yes",
        }),
      ),
      ...ADMIN_BY_OWN_USER.map(
        (action): Power => ({
          action,
          resource: iam("user", OWN_USER),
          words: `${action} on the own user`,
          admin: "yes",
        }),
      ),
      {
        action: "sts:AssumeRole",
        resource: iam("role", UNNAMED),
        words: "sts:AssumeRole on every role, and one of them may be an admin's",
        admin: "unknown",
      },
    ];
  });
}

function powersOf(grant: Grant, powers: Power[]): Powers {
  const statements = statementsOf(grant);
  if (statements === undefined) {
    const unknown = powers.map((): Answer => "unknown");
    return { grant, readable: false, allows: unknown, denies: unknown };
  }
  const allowing = statements.map((statement) => allows(statement, powers));
  const denying = statements.map((statement) => denies(statement, powers));
  return {
    grant,
    readable: true,
    allows: powers.map((_, at) => some(allowing.map((answers) => answers[at] ?? "no"))),
    denies: powers.map((_, at) => some(denying.map((answers) => answers[at] ?? "no"))),
  };
}

function statementsOf({ policyArn, document }: Grant): Statement[] | undefined {
  // What is no ARN names no policy, and IAM refuses to attach it.
  if (policyArn && policyArn !== "unknown" && !policyArn.startsWith("arn:")) return [];
  if (policyArn === undefined || awsManagedPolicy(policyArn) === undefined) {
    return readDocument(document);
  }
  return readDocument(awsManagedDocument(policyArn) ?? document) ?? [];
}

function allows({ effect, action, resource }: Statement, powers: Power[]): Answer[] {
  if (effect === "Deny") return [];
  const match = resource.inverted ? surelyMatches : mayMatch;
  return covered(action, resource, match, powers, effect === "Allow" ? "yes" : "unknown");
}

function denies({ effect, action, resource, conditional }: Statement, powers: Power[]): Answer[] {
  if (effect === "Allow" || conditional === true) return [];
  const match = resource.inverted ? mayMatch : surelyMatches;
  const known = effect === "Deny" && conditional === false;
  return covered(action, resource, match, powers, known ? "yes" : "unknown");
}

/** Which powers are in the statement, if it `applies`. */
function covered(
  action: Element,
  resource: Element,
  match: (pattern: string, resource: string) => boolean,
  powers: Power[],
  applies: Answer,
): Answer[] {
  // Many powers share an action or a resource, and a document may hold thousands of patterns.
  const acts = once((text) => covers(action, (pattern) => matchesPattern(pattern, text)));
  const reaches = once((text) => covers(resource, (pattern) => match(pattern, text)));
  return powers.map((power) => {
    if (acts(power.action) === "no") return "no";
    return every([applies, acts(power.action), reaches(power.resource)]);
  });
}

/** The same question asked once for each text. */
function once(ask: (text: string) => Answer): (text: string) => Answer {
  const answers = new Map<string, Answer>();
  return (text) => {
    const known = answers.get(text) ?? ask(text);
    answers.set(text, known);
    return known;
  };
}

function covers({ inverted, patterns }: Element, matches: (pattern: string) => boolean): Answer {
  const named = some(
    patterns.map((pattern) => (pattern === "unknown" ? "unknown" : yesNo(matches(pattern)))),
  );
  return inverted ? not(named) : named;
}

/** In some account, and if the user has some name: a digit may be one of the account's. */
function mayMatch(pattern: string, resource: string): boolean {
  const open = pattern.replace(/\$\{\s*aws:username\s*(,[^}]*)?\}/gi, OWN_USER).replace(/\d/g, "?");
  return matchesPattern(open, resource);
}

/** In every account, and in the case that IAM compares ARNs in. */
function surelyMatches(pattern: string, resource: string): boolean {
  return matchesExactly(pattern, resource);
}

function answerFor(powers: Power[], held: Powers[], limit: Powers | undefined): Answer {
  return some(powers.map(({ admin }, at) => every([admin, holds(held, limit, at)])));
}

/** Is a power left to the user when all his grants and his boundary have spoken? */
function holds(held: Powers[], limit: Powers | undefined, at: number): Answer {
  return every([
    some(held.map(({ allows }) => allows[at] ?? "unknown")),
    not(some(held.map(({ denies }) => denies[at] ?? "unknown"))),
    limit?.allows[at] ?? "yes",
    not(limit?.denies[at] ?? "no"),
  ]);
}

/**
 * The grants that allow something of an admin that is not denied. A grant that goes may take a Deny
 * with it, so the rest is asked again until it makes no admin.
 */
function culpritsOf(powers: Power[], held: Powers[], limit: Powers | undefined): Powers[] {
  const makesHim = ({ admin }: Power, at: number) =>
    admin === "yes" && holds(held, limit, at) === "yes";
  const found = held.filter(({ allows }) =>
    powers.some((power, at) => allows[at] === "yes" && makesHim(power, at)),
  );
  if (found.length === 0) return [];
  const rest = held.filter((each) => !found.includes(each));
  const more = culpritsOf(powers, rest, limit);
  return held.filter((each) => found.includes(each) || more.includes(each));
}

/** What a grant allows of an admin, in words: everything says it all, of the calls the first few. */
function allowed(powers: Power[], { allows }: Powers): string {
  const words = powers
    .filter(({ admin }, at) => admin === "yes" && allows[at] === "yes")
    .map((power) => power.words);
  const first = powers[0]?.words ?? "";
  return words.includes(first) ? first : `${list(words)}: one call from admin`;
}

/** Each word once (the partitions say the same), and no more than a reader wants. */
function list(words: string[]): string {
  const distinct = words.filter((word, at) => words.indexOf(word) === at);
  const rest = distinct.length - 3;
  if (rest > 0) return `${distinct.slice(0, 3).join(", ")} and ${rest} more`;
  return distinct.join(", ");
}

/** Why the grants may make an admin: who could not be read, and what then hangs on it. */
function doubts(powers: Power[], held: Powers[], limit: Powers | undefined): string[] {
  const open = powers.map(({ admin }, at) => every([admin, holds(held, limit, at)]) === "unknown");
  const isOpen = (says: Answer[], answer: Answer) =>
    says.some((said, at) => open[at] && said === answer);
  const unread = [...held, ...(limit ? [limit] : [])]
    .filter(({ allows, denies }) => isOpen(allows, "unknown") || isOpen(denies, "unknown"))
    .map(({ grant, readable }) =>
      readable
        ? `${grant.path} is known in part only`
        : `${grant.path} has no policy document that can be read`,
    );
  const hanging = held
    .filter(({ allows }) => isOpen(allows, "yes"))
    .map(({ grant, allows }) => {
      const words = powers
        .filter((_, at) => open[at] && allows[at] === "yes")
        .map((power) => power.words);
      const unless = unread.length > 0 ? ", unless what is not known takes it away" : "";
      return `${grant.path} allows ${list(words)}${unless}`;
    });
  return [...unread, ...hanging];
}

/** Why the grants make no admin: what would, and who takes it away. */
function denials(powers: Power[], held: Powers[], limit: Powers | undefined): string[] {
  const would = (says: Answer[]) =>
    powers.some(({ admin }, at) => admin === "yes" && says[at] === "yes");
  const tempting = held.filter(({ allows }) => would(allows));
  if (tempting.length === 0) return ["no grant makes an admin"];
  const against = held
    .filter(({ denies }) => would(denies))
    .map(({ grant }) => `${grant.path} denies it`);
  const cut = limit ? [`the boundary ${limit.grant.path} does not allow it`] : [];
  return tempting.map(
    ({ grant }) => `${grant.path} would make an admin, but ${[...against, ...cut].join(" and ")}`,
  );
}
