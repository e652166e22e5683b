import assert from "node:assert/strict";
import type { SecurityGroupRule } from "@aws-sdk/client-ec2";
import { planSync, type SyncedGroup } from "../../functions/syncedGroups/plan";

const group: SyncedGroup = {
  group: "sg-1",
  service: "CLOUD9",
  region: "r",
  cidrs: ["203.0.113.7/24"],
  ports: [22],
  quota: 60,
};
const DESCRIPTION = "Tourniquet: aws:CLOUD9:r";
const FIXED = "Tourniquet: syncedGroups";
const published = ["192.0.2.0/29", "192.0.2.8/29", "2001:db8:0::/56"];

function rule(id: string, cidr: string, over: SecurityGroupRule = {}): SecurityGroupRule {
  const source = cidr.includes(":") ? { CidrIpv6: cidr } : { CidrIpv4: cidr };
  return {
    SecurityGroupRuleId: id,
    IpProtocol: "tcp",
    FromPort: 22,
    ToPort: 22,
    Description: DESCRIPTION,
    ...source,
    ...over,
  };
}
const inStep = [
  rule("a", "192.0.2.0/29"),
  rule("b", "192.0.2.8/29"),
  rule("c", "2001:db8::/56"),
  rule("d", "203.0.113.0/24", { Description: FIXED }),
];
const missing = (cidr: string, description = DESCRIPTION, port = 22) => ({
  port,
  cidr,
  description,
});
const plan = (rules: SecurityGroupRule[], over: Partial<SyncedGroup> = {}, now = published) =>
  planSync(rules, { ...group, ...over }, now, published);

describe("the plan that brings a group into step", () => {
  it("is empty where exactly the wanted sources have rules, however they are spelled", () => {
    assert.deepEqual(plan(inStep), { add: [], remove: [], alerts: [] });
  });

  it("adds what is missing, described by what it stands for", () => {
    assert.deepEqual(plan([]), {
      add: [...published.map((cidr) => missing(cidr)), missing("203.0.113.7/24", FIXED)],
      remove: [],
      alerts: [],
    });
  });

  it("touches the rules that differ alone, whoever made them", () => {
    const hand = rule("hand", "198.51.100.0/24", { Description: "by hand" });
    const other = rule("other", "x", { CidrIpv4: undefined as never, PrefixListId: "pl-1" });
    const { CidrIpv4: _, ...list } = other;
    const gone = rule("gone", "192.0.2.16/29");
    const [, ...rest] = inStep;
    assert.deepEqual(plan([...rest, hand, list, gone]), {
      add: [missing("192.0.2.0/29")],
      remove: [hand, list, gone],
      alerts: [],
    });
  });

  it("leaves other ports and protocols alone", () => {
    const web = rule("web", "0.0.0.0/0", { FromPort: 443, ToPort: 443 });
    const udp = rule("udp", "0.0.0.0/0", { IpProtocol: "udp" });
    assert.deepEqual(plan([...inStep, web, udp]), { add: [], remove: [], alerts: [] });
  });

  it("alerts to a rule that opens the port among others", () => {
    const range = rule("range", "10.0.0.0/8", { FromPort: 20, ToPort: 25 });
    const all = rule("all", "10.0.0.0/8", { IpProtocol: "-1", FromPort: -1, ToPort: -1 });
    const said = (id: string) => `sg-1: ${id} opens port 22 among others and was left: narrow it`;
    assert.deepEqual(plan([...inStep, range, all]), {
      add: [],
      remove: [],
      alerts: [said("range"), said("all")],
    });
  });

  it("has a rule for each port, and one for a CIDR that is named twice", () => {
    const { add } = plan([], { ports: [22, 2222], cidrs: ["192.0.2.1/29"] });
    assert.deepEqual(add, [
      ...published.map((cidr) => missing(cidr)),
      ...published.map((cidr) => missing(cidr, DESCRIPTION, 2222)),
    ]);
  });

  it("is refused where more than half of the ranges are gone at once", () => {
    const half = plan(inStep, {}, ["192.0.2.0/29", "192.0.2.8/29"]);
    assert.deepEqual(half, { add: [], remove: [inStep[2]], alerts: [] });
    assert.deepEqual(plan(inStep, {}, ["192.0.2.0/29"]), {
      add: [],
      remove: [],
      refused:
        "sg-1 was left as it is: 2 of 3 ranges of aws:CLOUD9:r are gone at once, which is more than half. If AWS means it, remove the rules of the ranges that are gone yourself",
      alerts: [],
    });
  });

  it("measures a group without such rules by the ranges of the deployment", () => {
    const hand = rule("hand", "198.51.100.0/24", { Description: "by hand" });
    assert.match(String(plan([hand], {}, ["192.0.2.0/29"]).refused), /2 of 3 ranges/);
    assert.equal(plan([hand]).refused, undefined);
  });

  it("is refused before the first change where a quota would be passed for a moment", () => {
    const web = (count: number) =>
      Array.from({ length: count }, (_, i) =>
        rule(`w${i}`, `10.0.${i}.0/24`, { FromPort: 443, ToPort: 443 }),
      );
    assert.equal(plan(web(57)).refused, undefined);
    assert.equal(
      plan(web(58)).refused,
      "sg-1 was left as it is: it has 58 inbound rules of IPv4 and needs 3 more, and its quota is 60. Name a region, or raise the quota and say so in syncedGroups",
    );
    assert.equal(plan(web(58), { quota: 61 }).refused, undefined);
    // Nothing to add in that family: what is there was let in before.
    assert.equal(
      plan([...web(70), ...inStep.filter(({ CidrIpv4 }) => CidrIpv4)]).refused,
      undefined,
    );
  });
});
