import assert from "node:assert/strict";
import fc from "fast-check";
import { type Answer, every, not, some } from "../../rulebook/answer";
import { mayCompleteWorld, readCidr } from "../../rulebook/cidr";
import { type Ingress, mayReachSsh, type SshRule, sshOpenToWorld } from "../../rulebook/ssh";

const rule: SshRule = { sshPorts: [22], trustedCidrs: [] };
const tcp22 = { protocol: "tcp", fromPort: 22, toPort: 22 };
const from = (...cidrs: string[]): Ingress => ({ id: "r", ...tcp22, cidrs });

describe("sshOpenToWorld", () => {
  const cases: [name: string, ingress: Ingress, expected: Answer][] = [
    ["port 22", from("0.0.0.0/0"), "yes"],
    ["/0 in disguise", from("8.8.8.8/0"), "yes"],
    ["IPv6", from("::/0"), "yes"],
    ["IPv6 in disguise", from("2001:db8::1/0"), "yes"],
    ["all that is public of IPv6", from("2000::/3"), "yes"],
    ["no CIDR, but /0", from("nonsense/0"), "yes"],
    ["no CIDR", from("250.250.250.1:8451"), "no"],
    ["two halves in one permission", from("0.0.0.0/1", "128.0.0.0/1"), "yes"],
    ["halves of what is public", from("0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"), "yes"],
    ["half the internet", from("128.0.0.0/1"), "unknown"],
    ["half of IPv6", from("2000::/4"), "unknown"],
    ["a private block", from("10.0.0.0/8"), "no"],
    ["an office", from("203.0.113.0/24"), "no"],
    ["no source", from(), "no"],
    ["a source that is not known", from("unknown"), "unknown"],
    ["an unknown source beside the world", from("unknown", "0.0.0.0/0"), "yes"],
    ["protocol by number", { ...from("0.0.0.0/0"), protocol: 6 }, "yes"],
    ["protocol in capitals", { ...from("0.0.0.0/0"), protocol: "TCP" }, "yes"],
    [
      "-1 ignores ports",
      { ...from("0.0.0.0/0"), protocol: "-1", fromPort: 443, toPort: 443 },
      "yes",
    ],
    ["all without ports", { id: "r", protocol: "all", cidrs: ["0.0.0.0/0"] }, "yes"],
    ["UDP", { ...from("0.0.0.0/0"), protocol: "udp" }, "no"],
    ["GRE by number", { ...from("0.0.0.0/0"), protocol: 47 }, "no"],
    ["an unknown protocol", { ...from("0.0.0.0/0"), protocol: "unknown" }, "unknown"],
    ["ports as text", { ...from("0.0.0.0/0"), fromPort: "20", toPort: "25" }, "yes"],
    ["tcp 0-0", { ...from("0.0.0.0/0"), fromPort: 0, toPort: 0 }, "no"],
    ["just above", { ...from("0.0.0.0/0"), fromPort: 23, toPort: 65535 }, "no"],
    ["inverted", { ...from("0.0.0.0/0"), fromPort: 25, toPort: 20 }, "no"],
    ["port not known", { ...from("0.0.0.0/0"), toPort: "unknown" }, "unknown"],
    ["port not known, office", { ...from("203.0.113.0/24"), toPort: "unknown" }, "no"],
  ];
  for (const [name, ingress, expected] of cases) {
    it(`${expected}: ${name}`, () => {
      const { answer, reasons, openers } = sshOpenToWorld([ingress], rule);
      assert.equal(answer, expected);
      assert.ok(reasons.length > 0);
      assert.deepEqual(openers, expected === "yes" ? ["r"] : []);
    });
  }

  const two = (a: Partial<Ingress>, b: Partial<Ingress>): Ingress[] => [
    { ...from("0.0.0.0/1"), id: "a", ...a },
    { ...from("128.0.0.0/1"), id: "b", ...b },
  ];
  it("names both halves, and neither the office in one of them nor a line that is trusted", () => {
    const rules = [...two({}, {}), { ...from("8.8.8.0/24"), id: "office" }];
    assert.deepEqual(sshOpenToWorld(rules, rule).openers, ["a", "b"]);
    const trusted = { ...rule, trustedCidrs: ["0.0.0.0/1"] };
    assert.deepEqual(sshOpenToWorld(rules, trusted).openers, ["b"]);
  });

  it("names a world rule once more when the halves beside it make another world", () => {
    const rules = [{ ...from("0.0.0.0/0"), id: "w" }, ...two({}, {})];
    assert.deepEqual(sshOpenToWorld(rules, rule).openers, ["w", "a", "b"]);
  });

  it("does not add up halves of different ports", () => {
    assert.equal(sshOpenToWorld(two({ fromPort: 80, toPort: 80 }, {}), rule).answer, "unknown");
    assert.equal(sshOpenToWorld(two({ toPort: "unknown" }, {}), rule).answer, "unknown");
  });

  it("knows only the ports that carry SSH here, and trusts no list that is the world", () => {
    assert.equal(sshOpenToWorld([from("0.0.0.0/0")], { ...rule, sshPorts: [2222] }).answer, "no");
    const all = { ...rule, trustedCidrs: ["0.0.0.0/0", "nonsense"] };
    assert.deepEqual(sshOpenToWorld([from("0.0.0.0/0")], all).openers, ["r"]);
  });

  it("a part that may complete a split internet is public, and /8 or wider (IPv6: /16)", () => {
    const wanted: [string, boolean][] = [
      ["1.0.0.0/8", true],
      ["1.0.0.0/9", false],
      ["10.0.0.0/8", false],
      ["2600::/16", true],
      ["2600::/17", false],
      ["nonsense", true],
    ];
    for (const [cidr, may] of wanted) assert.equal(mayCompleteWorld(cidr), may, cidr);
  });

  it("reads no CIDR where there is none", () => {
    for (const text of [7, "", "1.2.3.4/33", "::/129", "1.2.3.4/-1", "a/8"]) {
      assert.equal(readCidr(text), undefined, String(text));
    }
  });

  const cidr = fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`),
    fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })).map(([ip, bits]) => `${ip}/${bits}`),
    fc.constantFrom("0.0.0.0/1", "128.0.0.0/1", "unknown"),
  );
  const ingress = fc.record({
    id: fc.uuid(),
    protocol: fc.constantFrom<string | number>("tcp", "-1", "udp", 6, "unknown"),
    fromPort: fc.constantFrom<number | string>(0, 22, "22", 80, "unknown"),
    toPort: fc.constantFrom<number | string>(22, 80, 65535, "unknown"),
    cidrs: fc.array(cidr, { maxLength: 3 }),
  });
  const rules = fc.array(ingress, { maxLength: 5 });
  const answerOf = (list: Ingress[]) => sshOpenToWorld(list, rule).answer;

  it("learning a port turns only 'unknown' into something else", () => {
    fc.assert(
      fc.property(ingress, fc.integer({ min: 0, max: 65535 }), (one, toPort) => {
        const before = answerOf([{ ...one, toPort: "unknown" }]);
        if (before !== "unknown") assert.equal(answerOf([{ ...one, toPort }]), before);
      }),
    );
  });

  it("the order of rules is irrelevant", () => {
    fc.assert(
      fc.property(rules, (list) => assert.equal(answerOf(list), answerOf([...list].reverse()))),
    );
  });

  it("a range split into its halves changes no answer", () => {
    const split = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 31 }));
    fc.assert(
      fc.property(rules, split, (list, [ip, bits]) => {
        const value = ip.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
        const size = 2 ** (32 - bits);
        const start = value - (value % size);
        const at = (n: number) => [24, 16, 8, 0].map((s) => Math.floor(n / 2 ** s) % 256).join(".");
        const halves = [`${at(start)}/${bits + 1}`, `${at(start + size / 2)}/${bits + 1}`];
        assert.equal(
          answerOf([...list, from(...halves)]),
          answerOf([...list, from(`${ip}/${bits}`)]),
        );
      }),
    );
  });

  it("adding a source never makes it safer", () => {
    const rank = { no: 0, unknown: 1, yes: 2 };
    fc.assert(
      fc.property(rules, ingress, (list, one) => {
        assert.ok(rank[answerOf([...list, one])] >= rank[answerOf(list)]);
      }),
    );
  });

  it("without the openers it is not open, and every one of them matters", () => {
    fc.assert(
      fc.property(rules, (list) => {
        const { answer, openers } = sshOpenToWorld(list, rule);
        if (answer !== "yes") return;
        const rest = list.filter(({ id }) => !openers.includes(id));
        assert.notEqual(answerOf(rest), "yes");
        for (const opener of openers) {
          assert.equal(
            answerOf([...rest, ...list.filter(({ id }) => openers.includes(id))]),
            "yes",
          );
          assert.ok(list.some(({ id }) => id === opener));
        }
      }),
    );
  });

  it("mayReachSsh asks for protocol and port alone", () => {
    assert.equal(mayReachSsh(from(), rule), "yes");
    assert.equal(mayReachSsh({ ...from(), protocol: "udp" }, rule), "no");
  });
});

describe("answers", () => {
  it("combine as Kleene has it", () => {
    assert.equal(every(["yes", "unknown", "no"]), "no");
    assert.equal(every(["yes", "unknown"]), "unknown");
    assert.equal(every([]), "yes");
    assert.equal(some(["no", "unknown", "yes"]), "yes");
    assert.equal(some(["no", "unknown"]), "unknown");
    assert.deepEqual([not("yes"), not("no"), not("unknown")], ["no", "yes", "unknown"]);
  });
});
