import { readAnswer } from "../wire";
import type { Backend, Correction } from "./correction";

/** moto has no filter by the prefix list that an inbound rule names. */
export const groupsOfPrefixList: Correction = {
  service: "ec2",
  actions: ["DescribeSecurityGroups"],
  source: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html",
  async handle(request, _principal, backend) {
    const query = new URLSearchParams(request.body.toString("utf8"));
    const filter = [...query].find(([, value]) => value === "ip-permission.prefix-list-id");
    if (!filter) return await backend.forward(request);
    const [name] = filter;
    const values = [...query.keys()].filter((key) =>
      key.startsWith(name.replace("Name", "Value.")),
    );
    const lists = values.map((key) => query.get(key));
    const groups = await groupsFrom(lists, backend);
    for (const key of values) query.delete(key);
    query.set(name, "group-id");
    // A filter without values would find every group.
    const wanted = groups.length > 0 ? groups : ["none"];
    for (const [index, id] of wanted.entries()) {
      query.set(name.replace("Name", `Value.${index + 1}`), id);
    }
    return await backend.forward({ ...request, body: Buffer.from(query.toString()) });
  },
};

async function groupsFrom(lists: (string | null)[], backend: Backend): Promise<string[]> {
  const action = "DescribeSecurityGroupRules";
  const answer = await backend.ask("ec2", action, {});
  const request = { service: "ec2", action } as Parameters<typeof readAnswer>[0];
  const rules = (readAnswer(request, answer) as { securityGroupRuleSet?: Rule[] })
    .securityGroupRuleSet;
  const found = (rules ?? []).filter(
    ({ isEgress, prefixListId }) => isEgress !== "true" && lists.includes(prefixListId ?? ""),
  );
  return [...new Set(found.map(({ groupId }) => groupId))];
}

interface Rule {
  groupId: string;
  isEgress: string;
  prefixListId?: string;
}
