import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** Days for which nobody may delete or overwrite a version of a case without the right to bypass. */
const CASE_RETENTION_DAYS = 90;

/**
 * Where cases are kept: versioned, locked for a while, encrypted, closed to the public, over TLS only.
 * `cases/` has the cases, `subjects/` the index of them by subject, `blocks/` the network ACL blocks
 * that are live, and `settings/` whom the stack trusts. All are under the same lock: an index that could be emptied would hide a repetition.
 */
export class CaseBucket extends pulumi.ComponentResource {
  readonly name: pulumi.Output<string>;
  readonly arn: pulumi.Output<string>;

  constructor(
    name: string,
    args: { account: pulumi.Input<string> },
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("tourniquet:index:CaseBucket", name, {}, opts);
    const child = { parent: this };
    const bucket = new aws.s3.Bucket(
      `${name}-cases`,
      { bucket: pulumi.interpolate`${name}-cases-${args.account}` },
      child,
    );
    const of = { bucket: bucket.bucket };
    const versioning = new aws.s3.BucketVersioning(
      `${name}-cases`,
      { ...of, versioningConfiguration: { status: "Enabled" } },
      child,
    );
    // A lock needs versions. It is set on the bucket that is there: naming it in the bucket itself
    // would replace the bucket, and its cases with it.
    // Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-configure.html
    new aws.s3.BucketObjectLockConfiguration(
      `${name}-cases`,
      {
        ...of,
        rule: { defaultRetention: { mode: "GOVERNANCE", days: CASE_RETENTION_DAYS } },
      },
      { ...child, dependsOn: [versioning] },
    );
    new aws.s3.BucketServerSideEncryptionConfiguration(
      `${name}-cases`,
      { ...of, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }] },
      child,
    );
    new aws.s3.BucketPublicAccessBlock(
      `${name}-cases`,
      {
        ...of,
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      },
      child,
    );
    new aws.s3.BucketPolicy(`${name}-cases`, { ...of, policy: bucket.arn.apply(tlsOnly) }, child);
    this.name = bucket.bucket;
    this.arn = bucket.arn;
    this.registerOutputs({ name: this.name, arn: this.arn });
  }
}

function tlsOnly(arn: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Deny",
        Principal: "*",
        Action: "s3:*",
        Resource: [arn, `${arn}/*`],
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
    ],
  });
}
