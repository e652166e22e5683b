import type { Action, Mode } from "./case";
import { clientTimes } from "./client";
import { cutting } from "./cut";
import { aclCuts } from "./infrastructure/acls";
import { blockStoreActions, readBlocks, strangeBlock } from "./infrastructure/blocks";
import { liftBlocks } from "./infrastructure/lift";

type Ec2Sdk = typeof import("../sdk/networkAcl");
type S3Sdk = typeof import("@aws-sdk/client-s3");

/** What the handler calls on the account, and on the bucket of the cases. */
export const sweepSessionBlocksActions = {
  looks: ["ec2:DescribeNetworkAcls"],
  cuts: aclCuts,
  store: blockStoreActions,
};

/** An execution gets this long to lift its block itself. */
const MARGIN_MINUTES = 10;

/** What a sweep did, as its log has it. */
export interface Swept {
  lifted: string[];
  notes: string[];
  actions: Action[];
}

/**
 * Lifts the blocks that are past their time: their executions died.
 *
 * Runs once per cold start and returns the handler.
 * @throws BlocksLeft where one could not be lifted, after all others were tried: an alarm tells.
 */
export function sweepSessionBlocks(ec2Sdk: Ec2Sdk, s3Sdk: S3Sdk, { mode }: { mode: Mode }) {
  const ec2 = new ec2Sdk.EC2Client(clientTimes);
  const bucket = process.env.CASE_BUCKET ?? "";
  const store = { sdk: s3Sdk, s3: new s3Sdk.S3Client(clientTimes), bucket };

  return async (): Promise<Swept> => {
    const actions: Action[] = [];
    const hand = { sdk: ec2Sdk, ec2, cut: cutting(mode, actions) };
    const swept: Swept = { lifted: [], notes: [], actions };
    const { blocks, strange } = await readBlocks(store);
    const left = strange.map((key) => strangeBlock(bucket, key));
    let all = blocks;
    const due = new Date(Date.now() - MARGIN_MINUTES * 60_000).toISOString();
    for (const own of all.filter(({ until }) => until < due)) {
      try {
        const {
          notes,
          open,
          left: rest,
        } = await liftBlocks(hand, store, all, own, mode === "enforce");
        swept.notes.push(...notes);
        left.push(...open.map((one) => `${own.caseId}: ${one}`));
        if (mode === "observe") left.push(inObserve(bucket, own.caseId));
        if (rest.changes.length === 0) swept.lifted.push(own.caseId);
        all = all.flatMap((one) => {
          if (one !== own) return [one];
          return rest.changes.length > 0 ? [rest] : [];
        });
      } catch (error) {
        left.push(`${own.caseId}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    console.log(JSON.stringify(swept));
    if (left.length === 0) return swept;
    const message = `Session blocks that are past their time could not be lifted: ${left.join("; ")}`;
    throw Object.assign(new Error(message), { name: "BlocksLeft" });
  };
}

/** `enforce` made the block, and the mode was changed before it was lifted. */
function inObserve(bucket: string, caseId: string): string {
  return `${caseId}: observe mode lifts nothing. This lifts it: npm run restore -- s3://${bucket}/cases/${caseId}.json --only network-acls`;
}
