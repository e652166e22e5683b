import { errorAnswer, type Params, type Request, readAnswer } from "../wire";
import type { Backend, Correction } from "./correction";

/** Entries of one's own for each family and direction; the entry `*` is the twentieth. */
const QUOTA = 19;

/** From here on the numbers are those of the entry `*`. */
const FIRST_RESERVED = 32_767;

/**
 * moto knows no quota on a network ACL's entries, breaks on the deletion of one that is not there,
 * and calls an ACL that it does not have a route table.
 * Sources: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html (Network ACLs),
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
export const aclEntries: Correction = {
  service: "ec2",
  actions: [
    "CreateNetworkAclEntry",
    "DeleteNetworkAclEntry",
    "ReplaceNetworkAclEntry",
    "DescribeNetworkAcls",
  ],
  source: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html",
  async handle(request, _principal, backend) {
    const refuse = (code: string, message: string) =>
      errorAnswer(request, { code, message, status: 400 });
    const { params, action } = request;
    const ids = Array.isArray(params.NetworkAclId) ? params.NetworkAclId : [params.NetworkAclId];
    for (const id of ids.filter((one) => one !== undefined)) {
      if ((await aclsOf(backend)).some((acl) => acl.networkAclId === id)) continue;
      return refuse("InvalidNetworkAclID.NotFound", `The networkAcl ID '${id}' does not exist`);
    }
    if (action === "DescribeNetworkAcls") return await backend.forward(request);
    const entries = await entriesOf(params, backend);
    const number = Number(params.RuleNumber);
    const isThere = entries.some((entry) => Number(entry.ruleNumber) === number);
    if (action !== "CreateNetworkAclEntry" && !isThere) {
      const message = `The network acl entry identified by ${number} does not exist`;
      return refuse("InvalidNetworkAclEntry.NotFound", message);
    }
    if (action === "CreateNetworkAclEntry" && !isThere && isFull(entries, params)) {
      return refuse("NetworkAclEntryLimitExceeded", "The limit of entries has been reached");
    }
    return await backend.forward(request);
  },
};

async function aclsOf({ ask }: Backend): Promise<Params[]> {
  const action = "DescribeNetworkAcls";
  const answer = await ask("ec2", action, {});
  const content = readAnswer({ service: "ec2", action } as Request, answer) as Params;
  return (content.networkAclSet as Params[] | undefined) ?? [];
}

/** The ACL's entries in the direction that the request is about. */
async function entriesOf(params: Params, backend: Backend): Promise<Params[]> {
  const acl = (await aclsOf(backend)).find((one) => one.networkAclId === params.NetworkAclId);
  const entries = (acl?.entrySet as Params[] | undefined) ?? [];
  return entries.filter(({ egress }) => egress === params.Egress);
}

function isFull(entries: Params[], { Ipv6CidrBlock }: Params): boolean {
  const isV6 = Ipv6CidrBlock !== undefined;
  const own = entries.filter(
    ({ ruleNumber, ipv6CidrBlock }) =>
      Number(ruleNumber) < FIRST_RESERVED && Boolean(ipv6CidrBlock) === isV6,
  );
  return own.length >= QUOTA;
}
