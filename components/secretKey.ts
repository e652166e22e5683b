import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Place } from "./permissions";

/** The KMS key that encrypts the application users' secrets, with an alias to find it by. */
export class SecretKey extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;

  constructor(
    name: string,
    args: { place: pulumi.Input<Place> },
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("tourniquet:index:SecretKey", name, {}, opts);
    const child = { parent: this };
    const key = new aws.kms.Key(
      `${name}-application`,
      {
        description: `${name}: encrypts the secrets of application users`,
        enableKeyRotation: true,
        policy: pulumi.output(args.place).apply(accountDecides),
      },
      // The secrets belong to no stack and stay, and nobody could read them without their key.
      { ...child, retainOnDelete: true },
    );
    new aws.kms.Alias(
      `${name}-application`,
      { name: `alias/${name}-application`, targetKeyId: key.arn },
      child,
    );
    this.arn = key.arn;
    this.registerOutputs({ arn: this.arn });
  }
}

/**
 * The account's IAM policies decide who may use the key; without this statement no policy could, and
 * nobody could change the key either.
 * Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
 */
function accountDecides({ partition, account }: Place): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { AWS: `arn:${partition}:iam::${account}:root` },
        Action: "kms:*",
        Resource: "*",
      },
    ],
  });
}
