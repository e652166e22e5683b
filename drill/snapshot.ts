import type { NetworkAcl } from "@aws-sdk/client-ec2";
import type { Credentials } from "./account/account";
import type { Caller } from "./caller";

/** All that a responder could change, as the owner sees it. */
export async function snapshot(
  caller: Caller,
  owner: Credentials,
): Promise<Record<string, unknown>> {
  const Filter = ["User", "Group", "LocalManagedPolicy"];
  const iam = {
    service: "iam",
    action: "GetAccountAuthorizationDetails",
    input: { Filter },
  } as const;
  const ec2 = (action: string) => caller.call({ service: "ec2", action, input: {} }, owner);
  const [users, rules, acls] = await Promise.all([
    caller.call(iam, owner),
    ec2("DescribeSecurityGroupRules"),
    ec2("DescribeNetworkAcls"),
  ]);
  // The stand-in counts an attachment that was there already once more; AWS does not, see
  // https://docs.aws.amazon.com/IAM/latest/APIReference/API_Policy.html (AttachmentCount).
  const policies = (users.Policies as Record<string, unknown>[] | undefined)?.map(
    ({ AttachmentCount: _, ...policy }) => policy,
  );
  return {
    "users and groups": [users.UserDetailList, users.GroupDetailList, policies],
    "security group rules": rules.SecurityGroupRules,
    "network ACLs": acls.NetworkAcls,
  };
}

/** The network ACLs, as the owner sees them. */
export async function networkAcls(caller: Caller, owner: Credentials): Promise<NetworkAcl[]> {
  const input = { service: "ec2", action: "DescribeNetworkAcls", input: {} } as const;
  const { NetworkAcls } = await caller.call(input, owner);
  return NetworkAcls as NetworkAcl[];
}
