/** What the Lambdas use of the EC2 client; see `iam.ts`. */
export {
  AuthorizeSecurityGroupIngressCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcsCommand,
  EC2Client,
  paginateDescribeSecurityGroupRules,
  paginateDescribeSecurityGroups,
  paginateGetManagedPrefixListEntries,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
