import { readFileSync } from "node:fs";
import type { S3Client } from "@aws-sdk/client-s3";
import { type Fields, fieldsOf, textIn } from "../events/record";
import { type CaseFile, readCaseText } from "./caseFile";

/** A case, and the others that concern the same subjects. */
export interface Found {
  file: CaseFile;
  /** What was read, for people. */
  where: string;
  /** The case bucket, where what was read or the stack tells it. */
  bucket?: string;
  others: CaseFile[];
  /** The stack whose bucket it lies in, where its name tells. */
  stack?: string;
  /** What could not be read beside it, in sentences. */
  complaints: string[];
}

/** How a case in a bucket is read. */
export interface Shelf {
  sdk: typeof import("@aws-sdk/client-s3");
  s3: S3Client;
}

/** Where a case lies: a file, or an object. */
type Place = { path: string } | { bucket: string; key: string };

/**
 * Where CASE is: `s3://bucket/key`, a file (with a slash or an ending), or the id of an execution.
 *
 * @throws where an id is given without the stack whose bucket holds it.
 */
export function placeOf(text: string, stack: string | undefined, account: string): Place {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(text) ?? [];
  if (bucket && key) return { bucket, key };
  if (/[/\\]|\.json$/.test(text)) return { path: text };
  if (stack) return { bucket: bucketOf(stack, account), key: `cases/${text}.json` };
  throw new Error(
    `CASE is ${JSON.stringify(text)}: with an execution's id --stack has to name the stack; ` +
      "otherwise it is a file such as ./case.json, or s3://BUCKET/cases/ID.json",
  );
}

/** As components/caseBucket.ts names it. */
export function bucketOf(stack: string, account: string): string {
  return `tourniquet-${stack}-cases-${account}`;
}

/** Reads a case. From a bucket the cases of the same subjects come along, of a day around it. */
export async function readCase(place: Place, beside: string[], shelf: Shelf): Promise<Found> {
  const others = beside.map((path) => readCaseText(readFileSync(path, "utf8"), path));
  if ("path" in place) {
    const file = readCaseText(readFileSync(place.path, "utf8"), place.path);
    return { file, where: place.path, others, complaints: [] };
  }
  const { bucket, key } = place;
  const where = `s3://${bucket}/${key}`;
  const file = readCaseText(await objectText(shelf, bucket, key), where);
  const stack = /^tourniquet-(.+)-cases-\d{12}$/.exec(bucket)?.[1];
  const near = await nearCases(shelf, bucket, key, file);
  return {
    file,
    where,
    others: [...others, ...near.cases],
    complaints: near.complaints,
    bucket,
    ...(stack && { stack }),
  };
}

async function objectText({ sdk, s3 }: Shelf, Bucket: string, Key: string): Promise<string> {
  try {
    const { Body } = await s3.send(new sdk.GetObjectCommand({ Bucket, Key }));
    return (await Body?.transformToString()) ?? "";
  } catch (error) {
    const { name, message } = error as Error;
    const hint =
      name === "NoSuchKey" ? "; an execution that had nothing to contain leaves no case" : "";
    throw new Error(`s3://${Bucket}/${Key} could not be read: ${name}: ${message}${hint}`);
  }
}

const DAY_MS = 24 * 60 * 60 * 1000;

async function nearCases(shelf: Shelf, bucket: string, key: string, file: CaseFile) {
  const { sdk, s3 } = shelf;
  const objects: { Key?: string; LastModified?: Date }[] = [];
  const listing = { Bucket: bucket, Prefix: key.slice(0, key.lastIndexOf("/") + 1) };
  for await (const page of sdk.paginateListObjectsV2({ client: s3 }, listing)) {
    objects.push(...(page.Contents ?? []));
  }
  const at = objects.find(({ Key }) => Key === key)?.LastModified?.getTime() ?? 0;
  const keys = objects
    .filter(({ LastModified }) => Math.abs((LastModified?.getTime() ?? 0) - at) < DAY_MS)
    .flatMap(({ Key }) => (Key && Key !== key ? [Key] : []));
  const cases: CaseFile[] = [];
  const complaints: string[] = [];
  for (const one of keys) {
    const where = `s3://${bucket}/${one}`;
    try {
      const other = readCaseText(await objectText(shelf, bucket, one), where);
      if (shareSubject(file, other)) cases.push(other);
    } catch (error) {
      complaints.push(`${where} was not read: ${(error as Error).message}`);
    }
  }
  return { cases, complaints };
}

function shareSubject(one: CaseFile, other: CaseFile): boolean {
  const names = ({ subjects, incident, actions }: CaseFile) => [
    ...[...subjects, ...incident.subjects].flatMap((subject) => nameOf(fieldsOf(subject)) ?? []),
    ...actions.map(({ subject }) => subject.replace(/^(user|group) /, "")),
  ];
  const known = names(one);
  return names(other).some((name) => known.includes(name));
}

function nameOf(subject: Fields): string | undefined {
  return textIn(subject, "name") ?? textIn(subject, "arn") ?? textIn(subject, "groupId");
}
