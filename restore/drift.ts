import type { Look } from "../functions/account/look";
import type { Action } from "../functions/case";
import { unspaced } from "./document";
import type { Context } from "./item";
import type { Drift, Step } from "./plan";
import type { PresentUser } from "./present";

/** A user as he is now; undefined where he is gone. */
export type UserNow = PresentUser | undefined;

/** How the contained users differ from what the case left, beside what concerns a single item. */
export function userDrift(context: Context, taken: Action[], steps: Step[]): Drift[] {
  const names = new Set(
    taken.flatMap(({ input }) => (input.UserName ? [String(input.UserName)] : [])),
  );
  return [...names].flatMap((name) => {
    const now = context.present.users[name];
    if (!now) return [{ item: `deny:${name}`, what: `user ${name} is not there any more` }];
    const subject = context.file.subjects.find(
      (one) => (one.kind === "user" || one.kind === "applicationUser") && one.name === name,
    );
    const looked =
      subject && "before" in subject ? (subject.before as Look | undefined) : undefined;
    // What a look did not show is not what was not there.
    const before = looked?.failed ? undefined : looked;
    const his = taken.filter(({ input }) => input.UserName === name);
    return [
      ...(before ? additions(context, name, before, now.look, subject?.kind) : []),
      ...(before ? boundaryDrift(name, before, now.look, his) : []),
      ...denyDrift(name, now.look, his, steps),
      ...(now.look.password && his.some(({ call }) => call === "iam:DeleteLoginProfile")
        ? [{ item: `password:${name}`, what: `user ${name} has a console password again` }]
        : []),
    ];
  });
}

/** What the user has and had not before. */
function additions(
  { own }: Context,
  name: string,
  before: Look,
  now: Look,
  kind: string | undefined,
): Drift[] {
  const isNew = (known: string[]) => (one: string) => !known.includes(one);
  const ids = (list: { id: string }[]) => list.map(({ id }) => id);
  const names = (list: { name: string }[]) => list.map((one) => one.name);
  const denies = (arn: string) => /:aws:policy\/AWSDenyAll$/.test(arn);
  const told = (item: string, list: string[], words: (one: string) => string): Drift[] =>
    list.map((one) => ({
      item: `${item}:${name}:${one}`,
      what: `user ${name} has ${words(one)}, which he had not before`,
    }));
  const credentials = (list: "keys" | "sshKeys" | "serviceCredentials" | "certificates") =>
    ids(now[list].filter(({ status }) => status === "Active")).filter(
      isNew([...ids(before[list]), ...own.credentials]),
    );
  const attached = now.attached.filter(isNew(before.attached)).filter((arn) => !denies(arn));
  const inline = names(now.inline).filter(isNew(names(before.inline)));
  const groups = names(now.groups).filter(isNew(names(before.groups)));
  return [
    ...told("policies", attached, (arn) => `the policy ${arn}`),
    ...told("policies", inline, (one) => `the inline policy ${one}`),
    ...told("groups", groups, (one) => `a place in group ${one}`),
    // The replacement of an application user's key is one that he had not before.
    ...(kind === "applicationUser"
      ? []
      : told("keys", credentials("keys"), (id) => `the key ${id}`)),
    ...told("ssh-keys", credentials("sshKeys"), (id) => `the SSH key ${id}`),
    ...told(
      "service-credentials",
      credentials("serviceCredentials"),
      (id) => `the service-specific credential ${id}`,
    ),
    ...told("certificates", credentials("certificates"), (id) => `the certificate ${id}`),
    ...told(
      "mfa",
      now.mfaDevices.filter(isNew(before.mfaDevices)),
      (serial) => `the MFA device ${serial}`,
    ),
  ];
}

function boundaryDrift(name: string, before: Look, now: Look, his: Action[]): Drift[] {
  const put = his.find(({ call }) => call === "iam:PutUserPermissionsBoundary");
  const expected = [before.boundary, ...(put ? [put.input.PermissionsBoundary] : [])];
  if (expected.includes(now.boundary)) return [];
  const what = `the boundary of user ${name} is ${now.boundary ?? "gone"}, which neither he nor the case had set`;
  return [{ item: `boundary:${name}`, what }];
}

/** The deny is lifted last, so where it is gone and something else is not back, somebody else did it. */
function denyDrift(name: string, now: Look, his: Action[], steps: Step[]): Drift[] {
  const attach = his.find(({ call }) => call === "iam:AttachUserPolicy");
  if (!attach || now.attached.includes(String(attach.input.PolicyArn))) return [];
  if (!steps.some(({ subject }) => subject === name)) return [];
  return [{ item: `deny:${name}`, what: `AWSDenyAll is not on user ${name} any more` }];
}

/**
 * How a group that a user comes back to differs from the one that he left. What the case was to
 * take from the group is no difference.
 */
export function groupDrift(
  { file, present }: Pick<Context, "file" | "present">,
  was: Look["groups"][number],
): string[] {
  const now = present.groups[was.name];
  if (!now) return [`group ${was.name} is not there any more`];
  const taken = file.actions
    .filter(({ input }) => input.GroupName === was.name)
    .flatMap(({ input }) => [input.PolicyArn, input.PolicyName]);
  const words = (group: Omit<Look["groups"][number], "name">) =>
    [
      ...group.attached.filter((arn) => !taken.includes(arn)),
      ...group.inline
        .filter(({ name }) => !taken.includes(name))
        .map(({ name, document }) => `${name} ${unspaced(document)}`),
    ].sort();
  return JSON.stringify(words(now)) === JSON.stringify(words(was))
    ? []
    : [`group ${was.name} has other policies than it had`];
}
