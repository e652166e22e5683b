/**
 * The region of each partition to whose event bus IAM's records come.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html; for the
 * partitions, the region of IAM's endpoint, https://docs.aws.amazon.com/general/latest/gr/iam-service.html
 */
const IAM_REGIONS: Record<string, string> = {
  aws: "us-east-1",
  "aws-us-gov": "us-gov-west-1",
  "aws-cn": "cn-north-1",
};

/**
 * The region, if IAM's records come there.
 *
 * @throws where they do not: until records are forwarded, a stack there would never see a user.
 */
export function homeRegionOf(partition: string, region: string): string {
  const home = IAM_REGIONS[partition];
  if (!home) {
    throw new Error(
      `aws:region is ${region} in partition ${partition}, which Tourniquet does not know: it knows ${Object.keys(IAM_REGIONS).join(", ")}`,
    );
  }
  if (region !== home) {
    throw new Error(
      `aws:region is ${region}, where no IAM record arrives, and forwarding comes later: deploy to ${home}`,
    );
  }
  return region;
}
