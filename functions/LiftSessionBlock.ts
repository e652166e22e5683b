import { addToCase, type BranchInput, type Case, type Mode, openCase } from "./case";
import { clientTimes } from "./client";
import { cutting } from "./cut";
import { aclCuts } from "./infrastructure/acls";
import { blockStoreActions, readBlocks } from "./infrastructure/blocks";
import { liftBlocks } from "./infrastructure/lift";

type Ec2Sdk = typeof import("../sdk/networkAcl");
type S3Sdk = typeof import("@aws-sdk/client-s3");

/** What the handler calls on the account, and on the bucket of the cases. */
export const liftSessionBlockActions = {
  looks: ["ec2:DescribeNetworkAcls"],
  cuts: aclCuts,
  store: {
    looks: blockStoreActions.looks,
    // A lift that is not finished is written down again.
    cuts: blockStoreActions.cuts,
  },
};

/**
 * Takes the blocks of a case off again, also where somebody changed the network ACL meanwhile.
 *
 * What is removed is what lies at `blocks/CASEID.json`. Runs once per cold start and returns the
 * handler. Failed looks are thrown; what a failed call left blocked is in the case's `open`.
 */
export function liftSessionBlock(ec2Sdk: Ec2Sdk, s3Sdk: S3Sdk, { mode }: { mode: Mode }) {
  const ec2 = new ec2Sdk.EC2Client(clientTimes);
  const bucket = process.env.CASE_BUCKET ?? "";
  const store = { sdk: s3Sdk, s3: new s3Sdk.S3Client(clientTimes), bucket };

  return async (input: BranchInput): Promise<Case> => {
    const before = openCase(input, mode);
    const actions: Case["actions"] = [];
    const hand = { sdk: ec2Sdk, ec2, cut: cutting(mode, actions, before.actions) };
    const { blocks: all } = await readBlocks(store, before.id);
    const own = all.find(({ caseId }) => caseId === before.id);
    if (!own) return addToCase(before, [{ notes: ["The session block was lifted before"] }]);
    const { notes, open } = await liftBlocks(hand, store, all, own, mode === "enforce");
    return { ...addToCase(before, [{ notes, open }], actions), open };
  };
}
