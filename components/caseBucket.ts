import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** Where cases are kept: versioned, encrypted, closed to the public, over TLS only. */
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
    new aws.s3.BucketVersioning(
      `${name}-cases`,
      { ...of, versioningConfiguration: { status: "Enabled" } },
      child,
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
