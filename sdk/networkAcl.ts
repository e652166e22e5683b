/** What the functions of the session blocks use of the EC2 client; see `iam.ts`. */
export {
  CreateNetworkAclEntryCommand,
  DeleteNetworkAclEntryCommand,
  EC2Client,
  paginateDescribeNetworkAcls,
  paginateDescribeNetworkInterfaces,
  paginateDescribeSecurityGroupRules,
  paginateDescribeVpcs,
  paginateGetManagedPrefixListEntries,
} from "@aws-sdk/client-ec2";
