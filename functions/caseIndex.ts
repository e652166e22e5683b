import type { Case, CaseSubject } from "./case";
import { textOf } from "./cut";
import { listed } from "./listed";

type S3Sdk = typeof import("@aws-sdk/client-s3");

/** Other cases of one subject, in the last `RECENT_DAYS` days. */
export interface EarlierCases {
  /** "user bob", "group devs", "sg-…" */
  subject: string;
  count: number;
  /** There are more of them than were read, so `count` is too low and `newest` may miss some. */
  more?: true;
  /** The newest, at most three, the newest first; `at` is an ISO time, `key` the case's. */
  newest: { at: string; key: string }[];
}

/** What the index came to: other cases of the subjects, and what could not be read or written. */
export interface Indexed {
  earlier: EarlierCases[];
  notes: string[];
}

/** Days for which an earlier case counts. */
export const RECENT_DAYS = 30;

/** How many other cases of a subject are named. */
const NEWEST = 3;

/** A policy of many holders, or a group of many members, has as many subjects. */
const MOST_SUBJECTS = 20;

/** Pages of 1000 entries that are read of one subject. */
const MOST_PAGES = 3;

/** One subject, and where its cases are listed. */
interface Shelf {
  subject: string;
  prefix: string;
}

/** An entry of the index: the case's id, and when it was made. */
interface Entry {
  id: string;
  at: Date;
}

/**
 * An index of cases by subject: an empty object `subjects/KIND/NAME/CASE-ID` for each subject of each
 * case. It tells whether an incident repeats, and is no part of a case: what fails here is a note.
 */
export function caseIndex(sdk: S3Sdk, s3: InstanceType<S3Sdk["S3Client"]>, Bucket: string) {
  /** Reads the entries of the case's subjects; never rejects. */
  async function read({ subjects }: Case) {
    const shelves = shelvesOf(subjects);
    const left = shelves.length - MOST_SUBJECTS;
    return {
      found: await Promise.all(shelves.slice(0, MOST_SUBJECTS).map(entriesOf)),
      notes:
        left > 0
          ? [
              `Whether this repeats was not looked up for ${left} more subject${left === 1 ? "" : "s"}`,
            ]
          : [],
    };
  }

  async function entriesOf(shelf: Shelf) {
    const entries: Entry[] = [];
    let pages = 0;
    try {
      const asked = { Bucket, Prefix: `${shelf.prefix}/` };
      for await (const page of sdk.paginateListObjectsV2({ client: s3 }, asked)) {
        for (const { Key = "", LastModified } of listed(page.Contents, page)) {
          if (LastModified)
            entries.push({ id: Key.slice(shelf.prefix.length + 1), at: LastModified });
        }
        pages += 1;
        if (pages === MOST_PAGES && page.IsTruncated)
          return { shelf, entries, more: true as const };
      }
      return { shelf, entries };
    } catch (error) {
      return {
        shelf,
        entries,
        note: `Whether this repeats for ${shelf.subject} is not known: ${textOf(error)}`,
      };
    }
  }

  /** Adds the case to the index where it is not there yet, and tells what was there; never rejects. */
  async function add(
    { id }: Case,
    { found, notes }: Awaited<ReturnType<typeof read>>,
  ): Promise<Indexed> {
    const failures = await Promise.all(
      found.map(async ({ shelf, entries }) => {
        if (entries.some((entry) => entry.id === id)) return [];
        try {
          const Key = `${shelf.prefix}/${id}`;
          await s3.send(new sdk.PutObjectCommand({ Bucket, Key, Body: "" }));
          return [];
        } catch (error) {
          return [`A later case of ${shelf.subject} will not name this one: ${textOf(error)}`];
        }
      }),
    );
    return {
      earlier: found.flatMap(({ shelf, entries, more }) => {
        const before = earlierOf(entries, id);
        const newest = before.slice(0, NEWEST).map(caseOf);
        const count = before.length;
        return count > 0 ? [{ subject: shelf.subject, count, ...(more && { more }), newest }] : [];
      }),
      notes: [...notes, ...found.flatMap(({ note = [] }) => note), ...failures.flat()],
    };
  }

  return { read, add };
}

/** The entries of the last days that were there before the case, or with it; the newest first. */
function earlierOf(entries: Entry[], id: string): Entry[] {
  const own = entries.find((entry) => entry.id === id);
  const until = own?.at.getTime() ?? Date.now();
  const from = until - RECENT_DAYS * 24 * 60 * 60 * 1000;
  return entries
    .filter((entry) => entry !== own && entry.at.getTime() >= from && entry.at.getTime() <= until)
    .sort((one, other) => other.at.getTime() - one.at.getTime());
}

function caseOf({ id, at }: Entry): EarlierCases["newest"][number] {
  return { at: at.toISOString(), key: `cases/${id}.json` };
}

function shelvesOf(subjects: CaseSubject[]): Shelf[] {
  const shelves = subjects.flatMap(shelfOf);
  return shelves.filter(
    ({ prefix }, index) => shelves.findIndex((one) => one.prefix === prefix) === index,
  );
}

/** A block of a network ACL has a security group's case, and is no subject of its own here. */
function shelfOf(subject: CaseSubject): Shelf[] {
  switch (subject.kind) {
    case "networkAcl":
      return [];
    case "policy":
      return [shelf("policy", subject.arn)];
    case "securityGroup":
      return [shelf("securityGroup", subject.groupId)];
    case "remoteAddress":
      return [shelf("remoteAddress", subject.address)];
    case "applicationUser":
      return [shelf("user", subject.name, "user ")];
    default:
      return [shelf(subject.kind, subject.name, `${subject.kind} `)];
  }
}

/**
 * Whoever makes a user chooses his name: encoded it has no slash, and is never "." or "..", which
 * some clients take for folders; half a character, which cannot be encoded, becomes U+FFFD.
 */
function shelf(kind: string, name: string, before = ""): Shelf {
  const encoded = encodeURIComponent(name.replaceAll(/\p{Cs}/gu, "\ufffd")).replaceAll(".", "%2E");
  return { subject: `${before}${name}`, prefix: `subjects/${kind}/${encoded}` };
}
