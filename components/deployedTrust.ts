import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { trustedActorsKey } from "../settings";
import type { CaseBucket } from "./caseBucket";

/**
 * Whom the deployed stack trusts, as an object in the case bucket: a restore's calls are judged by
 * what is deployed, which the stack's file on somebody's machine need not be. No Lambda may write it.
 *
 * @param args.deployed what acts by the same list: the object must not promise what is not there yet.
 */
export function deployedTrust(
  name: string,
  args: { trustedActors: string[]; caseBucket: CaseBucket; deployed: pulumi.Resource },
): aws.s3.BucketObjectv2 {
  const { trustedActors, caseBucket, deployed } = args;
  return new aws.s3.BucketObjectv2(
    `${name}-trusted-actors`,
    {
      bucket: caseBucket.name,
      key: trustedActorsKey,
      content: JSON.stringify(trustedActors),
      contentType: "application/json",
      // Else the bucket's lock would keep a stack without a case from being destroyed.
      forceDestroy: true,
    },
    { parent: caseBucket, dependsOn: [deployed] },
  );
}
