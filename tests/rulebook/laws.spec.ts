import assert from "node:assert/strict";
import fc from "fast-check";
import { type Grant, makesAdmin } from "../../rulebook/admin";
import { type Ingress, sshOpenToWorld } from "../../rulebook/ssh";

const rule = { sshPorts: [22, 2222], trustedCidrs: ["198.51.100.0/24"] };
const ipv4 = fc.constantFrom(
  "0.0.0.0/0",
  "0.0.0.0/1",
  "128.0.0.0/1",
  "128.0.0.0/2",
  "192.0.0.0/2",
  "8.8.8.0/24",
  "198.51.100.0/24",
);
const ipv6 = fc.constantFrom("::/0", "2000::/4", "3000::/4", "3000::/5", "3800::/5", "2600::/32");
const cidr = fc.oneof(ipv4, ipv6);
const port = fc.constantFrom<number | string | undefined>(0, 22, "22", 443, 65535, undefined);
const permission = fc.record({
  protocol: fc.constantFrom<string | number>("tcp", "udp", "-1", 6),
  fromPort: port,
  toPort: port,
  cidrs: fc.array(cidr, { maxLength: 2 }),
});
const permissions = fc
  .array(permission, { maxLength: 5 })
  .map((list): Ingress[] => list.map((each, at) => ({ id: `sgr-${at}`, ...each })));

/** All reach SSH, and from one family: what differs is from where. */
const reaching = fc
  .oneof(
    ...[ipv4, ipv6].map((source) => fc.array(fc.array(source, { maxLength: 2 }), { maxLength: 5 })),
  )
  .map((list) => list.map((cidrs, at): Ingress => ({ id: `sgr-${at}`, protocol: "-1", cidrs })));

const pattern = fc.constantFrom("*", "iam:*", "iam:PutUserPolicy", "s3:*", "sts:AssumeRole");
const resource = fc.constantFrom("*", "arn:aws:iam::*:user/*", "arn:aws:iam::*:user/x", "arn:*");
const statement = fc.record(
  {
    Effect: fc.constantFrom("Allow", "Deny"),
    Action: fc.oneof(pattern, fc.array(pattern, { maxLength: 2 })),
    Resource: resource,
    Condition: fc.constantFrom({}, { Bool: { "aws:MultiFactorAuthPresent": "true" } }),
  },
  { requiredKeys: ["Effect", "Action", "Resource"] },
);
const grants = fc
  .array(fc.array(statement, { maxLength: 3 }), { maxLength: 4 })
  .map((list): Grant[] =>
    list.map((Statement, at) => ({ id: `g${at}`, path: `g${at}`, document: { Statement } })),
  );

/** What is answered with a value hidden holds with the value known, unless it was "unknown". */
function assertLearned(hidden: string, known: string): void {
  if (hidden !== "unknown") assert.equal(known, hidden);
}

function without<Value extends { id: string }>(list: Value[], ids: string[]): Value[] {
  return list.filter(({ id }) => !ids.includes(id));
}

function subsets<Value>([first, ...rest]: Value[]): Value[][] {
  if (first === undefined) return [[]];
  const others = subsets(rest);
  return others.concat(others.map((subset) => [first, ...subset]));
}

describe("the laws of SSH", () => {
  const answer = (list: Ingress[]) => sshOpenToWorld(list, rule).answer;

  it("learning any value of any permission turns only 'unknown' into something else", () => {
    const key = fc.constantFrom("protocol", "fromPort", "toPort", "cidrs");
    fc.assert(
      fc.property(permissions, fc.nat(4), key, (list, at, hiddenKey) => {
        const value = hiddenKey === "cidrs" ? ["unknown"] : "unknown";
        const hidden = list.map((each, index) =>
          index === at ? { ...each, [hiddenKey]: value } : each,
        );
        assertLearned(answer(hidden), answer(list));
      }),
      { numRuns: 150 },
    );
  });

  it("each opener opens what is not open without it, beside some of the permissions", () => {
    fc.assert(
      fc.property(reaching, (list) => {
        for (const id of sshOpenToWorld(list, rule).openers) {
          const opener = list.filter((each) => each.id === id);
          const tips = (rest: Ingress[]) =>
            answer(rest) !== "yes" && answer([...rest, ...opener]) === "yes";
          assert.ok(subsets(without(list, [id])).some(tips), id);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("a permission whose every source is trusted is no opener", () => {
    fc.assert(
      fc.property(permissions, (list) => {
        const office: Ingress = { id: "office", protocol: "-1", cidrs: rule.trustedCidrs };
        assert.ok(!sshOpenToWorld([office, ...list], rule).openers.includes("office"));
      }),
    );
  });
});

describe("the laws of admin", () => {
  const answer = (list: Grant[], boundary?: Grant) => makesAdmin(list, boundary).answer;
  const documentOf = (grant: Grant) => grant.document as { Statement: object[] };

  it("learning a document, an action or a resource turns only 'unknown' into something else", () => {
    const key = fc.constantFrom(
      "document",
      "Statement",
      "Effect",
      "Action",
      "Resource",
      "Condition",
    );
    const hide = (grant: Grant, hiddenKey: string): Grant => {
      if (hiddenKey === "document") return { ...grant, document: "unknown" };
      if (hiddenKey === "Statement") return { ...grant, document: { Statement: "unknown" } };
      const statements = documentOf(grant).Statement;
      const hidden = statements.map((each) => ({ ...each, [hiddenKey]: "unknown" }));
      return { ...grant, document: { Statement: hidden } };
    };
    fc.assert(
      fc.property(grants, fc.nat(3), key, (list, at, hiddenKey) => {
        const hidden = list.map((each, index) => (index === at ? hide(each, hiddenKey) : each));
        assertLearned(answer(hidden), answer(list));
      }),
      { numRuns: 1500 },
    );
  });

  it("learning the boundary turns only 'unknown' into something else", () => {
    fc.assert(
      fc.property(grants, statement, (list, Statement) => {
        const boundary = { id: "b", path: "b", document: { Statement } };
        const hidden = { ...boundary, document: undefined };
        assertLearned(answer(list, hidden), answer(list, boundary));
      }),
    );
  });

  it("each culprit alone makes an admin of who holds the rest", () => {
    fc.assert(
      fc.property(grants, (list) => {
        const { culprits } = makesAdmin(list);
        for (const id of culprits) {
          const others = culprits.filter((other) => other !== id);
          assert.equal(answer(without(list, others)), "yes", id);
        }
      }),
      { numRuns: 150 },
    );
  });
});
