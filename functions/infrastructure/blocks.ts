import type { S3Client } from "@aws-sdk/client-s3";
import type { AclChange } from "../../networkAcl/acl";
import type { BlockRequest } from "../../networkAcl/plan";
import { noLook } from "../listed";
import { sideBySide } from "../sideBySide";
import { blocksIn } from "./storedBlock";

/** What one case did to one network ACL. */
export interface StoredChange {
  aclId: string;
  /** ISO time of the plan: later blocks know the earlier ones. */
  at: string;
  request: BlockRequest;
  block: AclChange;
  /** What the ACL had no room to block, in sentences; absent: nothing. */
  unplaced?: string[];
}

/** The blocks of one case, as they lie at `blocks/CASEID.json` until they are lifted. */
export interface StoredBlocks {
  caseId: string;
  /** ISO time after which they are lifted. */
  until: string;
  changes: StoredChange[];
}

/** Where the blocks lie. */
export interface BlockStore {
  sdk: typeof import("@aws-sdk/client-s3");
  s3: S3Client;
  bucket: string;
}

/** What the store is asked for; S3's ListObjectsV2 is permitted by `s3:ListBucket`. */
export const blockStoreActions = {
  looks: ["s3:ListBucket", "s3:GetObject"],
  cuts: ["s3:PutObject", "s3:DeleteObject"],
};

const PREFIX = "blocks/";

const SOON_MINUTES = 10;

/** ISO time until which a block may be lifted at this moment, with what others wrote down not known. */
export function soonOver(): string {
  return new Date(Date.now() + SOON_MINUTES * 60_000).toISOString();
}

/** Where the blocks of one case lie. */
export function placeOf(bucket: string, caseId: string) {
  return { Bucket: bucket, Key: `${PREFIX}${caseId}.json` };
}

/** As they lie there. */
export function written(blocks: StoredBlocks) {
  return { Body: JSON.stringify(blocks, null, 2), ContentType: "application/json" };
}

/** What lies under `blocks/`. */
export interface BlocksThere {
  /** Every block that is not lifted, of every case, the oldest first. */
  blocks: StoredBlocks[];
  /** Keys of objects that are no blocks: one of them must not keep the others from being lifted. */
  strange: string[];
}

/** What a person does with an object that is no block. */
export function strangeBlock(bucket: string, key: string): string {
  return `s3://${bucket}/${key} is no session block: look at it, and delete it`;
}

/**
 * Reads what is blocked. A block of a case lies at the case's place: one that lies elsewhere could
 * take that case's for its own.
 *
 * @param own the case whose block has to be known. @throws LookFailed where it cannot be read.
 */
export async function readBlocks(store: BlockStore, own?: string): Promise<BlocksThere> {
  const { sdk, s3, bucket: Bucket } = store;
  const input = { Bucket, Prefix: PREFIX };
  const there: BlocksThere = { blocks: [], strange: [] };
  for await (const page of sdk.paginateListObjectsV2({ client: s3 }, input)) {
    const { Contents = [], KeyCount } = page;
    // S3 always tells it: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    if (KeyCount === undefined) throw noLook("S3's answer lacks the list of session blocks");
    const texts = await sideBySide(Contents, async ({ Key: key = "" }) => ({
      key,
      text: await textAt(store, key),
    }));
    for (const { key, text } of texts) {
      if (text === undefined) continue;
      const read = blocksIn(text);
      if (read && key === placeOf(Bucket, read.caseId).Key) there.blocks.push(read);
      else if (own && key === placeOf(Bucket, own).Key) throw noLook(strangeBlock(Bucket, key));
      else there.strange.push(key);
    }
  }
  there.blocks.sort((a, b) => firstAt(a).localeCompare(firstAt(b)));
  return there;
}

/** undefined where the block was lifted since it was listed. */
async function textAt(
  { sdk, s3, bucket: Bucket }: BlockStore,
  Key: string,
): Promise<string | undefined> {
  try {
    const { Body } = await s3.send(new sdk.GetObjectCommand({ Bucket, Key }));
    return (await Body?.transformToString()) ?? "";
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") return undefined;
    throw error;
  }
}

/**
 * Written before the first entry is made: a sweep then finds the block, whatever becomes of the
 * execution.
 *
 * @throws LookFailed where the answer is none of S3's, which has always an ETag:
 *   https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 */
export async function writeBlocks(
  { sdk, s3, bucket }: BlockStore,
  blocks: StoredBlocks,
): Promise<void> {
  const place = placeOf(bucket, blocks.caseId);
  const { ETag } = await s3.send(new sdk.PutObjectCommand({ ...place, ...written(blocks) }));
  if (!ETag) throw noLook(`S3's answer does not show that ${place.Key} was written`);
}

/** Once all of a case's blocks are lifted. */
export async function removeBlocks({ sdk, s3, bucket }: BlockStore, caseId: string): Promise<void> {
  await s3.send(new sdk.DeleteObjectCommand(placeOf(bucket, caseId)));
}

/** The changes of all blocks to one network ACL, the oldest first. */
export function changesOf(all: StoredBlocks[], aclId: string): StoredChange[] {
  return all
    .flatMap(({ changes }) => changes)
    .filter((one) => one.aclId === aclId)
    .sort((a, b) => a.at.localeCompare(b.at));
}

function firstAt({ changes, until }: StoredBlocks): string {
  return changes[0]?.at ?? until;
}
