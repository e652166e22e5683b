import assert from "node:assert/strict";
import * as ec2 from "@aws-sdk/client-ec2";
import type {
  InfrastructureSubject,
  PrefixListSubject,
  SecurityGroupSubject,
} from "../../events/incident";
import type { Case, Mode } from "../../functions/case";
import {
  permissionOf,
  ruleInWords,
  ruleKey,
  rulesOf,
} from "../../functions/infrastructure/permission";
import { narrowOpenSsh } from "../../functions/NarrowOpenSsh";
import {
  type Answers,
  type Call,
  cutsIn,
  fakeSdk,
  refusal,
  throttled,
  withoutWaiting,
} from "./fakeSdk";
import { bothModes, caseOf, incident, told, validCase } from "./given";

type Ec2Answers = Answers<typeof ec2>;
type Rule = ec2.SecurityGroupRule;

const OFFICE = "203.0.113.0/24";
const WORLD = "0.0.0.0/0";

function rule(id: string, source: string, from = 22, to = from, IpProtocol = "tcp"): Rule {
  const by = source.startsWith("pl-")
    ? { PrefixListId: source }
    : source.includes(":")
      ? { CidrIpv6: source }
      : { CidrIpv4: source };
  return {
    SecurityGroupRuleId: id,
    IpProtocol,
    FromPort: from,
    ToPort: to,
    IsEgress: false,
    ...by,
  };
}

/** The record proves it. */
function proved(...rules: Rule[]): SecurityGroupSubject {
  return {
    kind: "securityGroup",
    groupId: "sg-1",
    rules: rules.map((one) => ({
      id: one.SecurityGroupRuleId ?? "",
      protocol: one.IpProtocol ?? "",
      fromPort: one.FromPort ?? -1,
      toPort: one.ToPort ?? -1,
      source: one.CidrIpv4 ?? one.CidrIpv6 ?? "",
    })),
  };
}

const asked: SecurityGroupSubject = { kind: "securityGroup", groupId: "sg-1", rules: [] };
const mail: Rule = {
  ...rule("sgr-mail", WORLD, 20, 25),
  Description: "mail and more",
  Tags: [{ Key: "owner", Value: "post" }],
};
const duplicate = refusal("InvalidPermission.Duplicate");
const full = refusal("RulesPerSecurityGroupLimitExceeded", "no room");

/** A security group that answers as EC2 does. */
function group(given: Rule[], quota = 60) {
  const rules = [...given];
  let made = 0;
  const answers = {
    DescribeSecurityGroupRules: () => ({ SecurityGroupRules: [...rules] }),
    AuthorizeSecurityGroupIngress: ({
      IpPermissions,
    }: {
      IpPermissions: ec2.IpPermission[] | undefined;
    }) => {
      const added = (IpPermissions ?? []).flatMap(rulesOf);
      if (added.some((one) => rules.some((other) => ruleKey(one) === ruleKey(other)))) {
        return duplicate;
      }
      if (rules.length + added.length > quota) return full;
      const stored = added.map((one) => ({
        ...one,
        SecurityGroupRuleId: `sgr-new-${++made}`,
        IsEgress: false,
      }));
      rules.push(...stored);
      return { SecurityGroupRules: stored };
    },
    RevokeSecurityGroupIngress: ({
      SecurityGroupRuleIds = [],
    }: {
      SecurityGroupRuleIds: string[] | undefined;
    }) => {
      const at = SecurityGroupRuleIds.map((id) =>
        rules.findIndex((one) => one.SecurityGroupRuleId === id),
      );
      if (at.includes(-1)) return refusal("InvalidSecurityGroupRuleId.NotFound");
      for (const id of SecurityGroupRuleIds) {
        rules.splice(
          rules.findIndex((one) => one.SecurityGroupRuleId === id),
          1,
        );
      }
      return { Return: true };
    },
  } satisfies Ec2Answers;
  return { rules, answers, words: () => rules.map(ruleInWords) };
}

async function close(
  subjects: InfrastructureSubject[],
  answers: Ec2Answers,
  {
    mode = "enforce",
    trustedCidrs = [OFFICE],
    trustedLists = [],
    before,
    caseId = "e-1",
  }: {
    mode?: Mode;
    trustedCidrs?: string[];
    trustedLists?: string[];
    before?: Case;
    caseId?: string;
  } = {},
) {
  const { sdk, calls } = fakeSdk(ec2, "EC2Client", answers);
  const ssh = { sshPorts: [22], trustedCidrs, trustedLists };
  const settings = { mode, exemptions: [], attachedGroups: "alert" as const, ...ssh };
  const input = { incident: incident(subjects), caseId, ...(before && { case: before }) };
  const after = await validCase(narrowOpenSsh(sdk, settings), input);
  return { after, calls };
}

const names = (calls: Call[]) => calls.map(([name]) => name);
const LOOK = "DescribeSecurityGroupRules";
const ADD = "AuthorizeSecurityGroupIngress";
const REVOKE = "RevokeSecurityGroupIngress";
const LEFT = ["tcp 20-21 from 0.0.0.0/0", "tcp 23-25 from 0.0.0.0/0", `tcp 22 from ${OFFICE}`];

describe("NarrowOpenSsh", () => {
  withoutWaiting();

  it("adds what takes a rule's place, then revokes it, and the case knows both", async () => {
    const { answers, words } = group([rule("sgr-web", WORLD, 443), mail]);
    const { after, calls } = await close([proved(mail)], answers);
    assert.deepEqual(names(calls), [LOOK, ADD, REVOKE]);
    const Description = "Tourniquet case e-1 in place of sgr-mail";
    const added = [
      { ...rule("", WORLD, 20, 21), Description },
      { ...rule("", WORLD, 23, 25), Description },
      { ...rule("", OFFICE), Description },
    ];
    assert.deepEqual(cutsIn(calls), [
      [ADD, { GroupId: "sg-1", IpPermissions: added.map(permissionOf) }],
      [REVOKE, { GroupId: "sg-1", SecurityGroupRuleIds: ["sgr-mail"] }],
    ]);
    assert.deepEqual(words(), ["tcp 443 from 0.0.0.0/0", ...LEFT]);
    assert.deepEqual(after.subjects, [
      {
        kind: "securityGroup",
        groupId: "sg-1",
        before: { rules: [mail] },
        replaced: [1, 2, 3].map((n) => ({ id: `sgr-new-${n}`, insteadOf: "sgr-mail" })),
      },
    ]);
    assert.deepEqual(
      [told(after.actions), after.notes, after.alerts, after.open],
      [
        [`done ec2:${ADD} sg-1`, `done ec2:${REVOKE} sg-1`],
        [`sg-1: in place of sgr-mail (tcp 20-25 from 0.0.0.0/0) comes ${LEFT.join("; ")}`],
        [],
        [],
      ],
    );
  });

  it("revokes in one call where nothing takes the place", async () => {
    const { answers } = group([rule("sgr-1", WORLD)]);
    const { after, calls } = await close([proved(rule("sgr-1", WORLD))], answers, {
      trustedCidrs: ["2001:db8::/48"],
    });
    assert.deepEqual(names(calls), [REVOKE]);
    assert.deepEqual([after.notes, after.alerts, after.open], [[], [], []]);
  });

  it("says which protocols go with a rule for all", async () => {
    const all = rule("sgr-1", WORLD, -1, -1, "-1");
    const { answers, words } = group([all]);
    const { after } = await close([proved(all)], answers, { trustedCidrs: [] });
    const left = [
      "tcp 0-21 from 0.0.0.0/0",
      "tcp 23-65535 from 0.0.0.0/0",
      "udp 0-65535 from 0.0.0.0/0",
      "icmp from 0.0.0.0/0",
    ];
    assert.deepEqual(words(), left);
    assert.deepEqual(after.notes, [
      `sg-1: in place of sgr-1 (every protocol from 0.0.0.0/0) comes ${left.join("; ")}; protocols other than TCP, UDP and ICMP do not`,
    ]);
  });

  it("makes no call in observe, and tells both that it would make", async () => {
    const { changed, outcomes, called, would } = await bothModes((mode) =>
      close([proved(mail)], group([mail]).answers, { mode }),
    );
    assert.deepEqual([changed, outcomes], [[], ["would"]]);
    assert.deepEqual(would, called);
    assert.equal(would.length, 2);
  });

  it("adds nothing for a second event, nor in a second pass", async () => {
    const { answers, words } = group([mail]);
    const first = await close([proved(mail)], answers);
    const again = await close([proved(mail)], answers, { caseId: "e-2" });
    assert.deepEqual(told(again.after.actions), [`gone ec2:${REVOKE} sg-1`]);
    assert.deepEqual([again.after.subjects, again.after.alerts], [[], []]);
    const second = await close([proved(mail)], answers, { before: first.after });
    assert.deepEqual(names(second.calls), [LOOK]);
    assert.deepEqual(
      second.after.subjects,
      first.after.subjects.map((one) => ({ ...one, after: { rules: [] } })),
    );
    assert.deepEqual([second.after.open, second.after.quiet], [[], 1]);
    assert.deepEqual(words(), LEFT);
  });

  it("judges anew a rule that was changed since the record", async () => {
    const harmless = group([rule("sgr-mail", WORLD, 25)]);
    const left = await close([proved(mail)], harmless.answers);
    assert.deepEqual(
      [names(left.calls), harmless.words()],
      [[LOOK, LOOK], ["tcp 25 from 0.0.0.0/0"]],
    );
    assert.deepEqual([left.after.subjects, left.after.alerts], [[], []]);

    const narrower = group([rule("sgr-mail", WORLD, 22, 23)]);
    const { calls } = await close([proved(mail)], narrower.answers);
    assert.deepEqual(names(calls), [LOOK, LOOK, ADD, REVOKE]);
    assert.deepEqual(narrower.words(), ["tcp 23 from 0.0.0.0/0", `tcp 22 from ${OFFICE}`]);
  });

  it("knows a rule again, however the record spells its source", async () => {
    const { calls } = await close(
      [proved({ ...mail, CidrIpv4: "8.8.8.8/0" })],
      group([mail]).answers,
    );
    assert.deepEqual(names(calls), [LOOK, ADD, REVOKE]);
  });

  it("adds nothing for a late event of a rule that went, with what had taken its place", async () => {
    const { answers, words } = group([rule("sgr-web", WORLD, 443)]);
    const { after } = await close([proved(mail)], answers);
    assert.deepEqual(words(), ["tcp 443 from 0.0.0.0/0"]);
    assert.deepEqual(told(after.actions), [`gone ec2:${REVOKE} sg-1`]);
    assert.deepEqual([after.subjects, after.alerts], [[], []]);
  });

  it("has no warning where the rule had gone by its own first try", async () => {
    const { answers, words } = group([mail]);
    await close([proved(mail)], answers);
    const { after } = await close([proved(mail)], answers);
    assert.deepEqual([words(), after.alerts], [LEFT, []]);
    const [subject] = after.subjects;
    assert.ok(subject?.kind === "securityGroup");
    assert.equal(subject.replaced?.length, 3);
  });

  it("knows, when it is tried again, what the first try had added", async () => {
    const { answers } = group([mail]);
    const first = await close([proved(mail)], { ...answers, [REVOKE]: refusal("TimeoutError") });
    const { after, calls } = await close([proved(mail)], answers);
    assert.deepEqual(names(calls), [LOOK, REVOKE]);
    assert.deepEqual(after.subjects, first.after.subjects);
  });

  it("adds only what is missing", async () => {
    const { answers, words } = group([mail, rule("sgr-office", "203.0.113.9/24")]);
    const { after } = await close([asked], answers);
    assert.deepEqual(
      [...words()].sort(),
      ["tcp 22 from 203.0.113.9/24", ...LEFT.slice(0, 2)].sort(),
    );
    assert.deepEqual(told(after.actions), [`done ec2:${ADD} sg-1`, `done ec2:${REVOKE} sg-1`]);
  });

  it("takes what somebody added meanwhile for added", async () => {
    const { rules, answers, words } = group([mail]);
    const { after } = await close([proved(mail)], {
      ...answers,
      [LOOK]: () => {
        const seen = { SecurityGroupRules: [...rules] };
        if (rules.length === 1) rules.push(rule("sgr-theirs", OFFICE));
        return seen;
      },
    });
    assert.deepEqual(told(after.actions), [`done ec2:${ADD} sg-1`, `done ec2:${REVOKE} sg-1`]);
    assert.deepEqual([...words()].sort(), [...LEFT].sort());
    const [subject] = after.subjects;
    assert.ok(subject?.kind === "securityGroup");
    assert.deepEqual(subject.replaced, [
      { id: "sgr-new-1", insteadOf: "sgr-mail" },
      { id: "sgr-new-2", insteadOf: "sgr-mail" },
    ]);
  });

  it("takes an answer that tells no rules for none, and adds them after the rule went", async () => {
    const { answers, words } = group([mail]);
    let first = true;
    const { after, calls } = await close([proved(mail)], {
      ...answers,
      [ADD]: (input) => {
        if (!first) return answers[ADD](input);
        first = false;
        return {};
      },
    });
    assert.deepEqual([names(calls), words()], [[LOOK, ADD, REVOKE, ADD], LEFT]);
    assert.deepEqual(after.alerts, []);
  });

  it("finds in a later pass what was added by a call whose answer was lost", async () => {
    const { answers, words } = group([mail]);
    let lost = true;
    const lossy: Ec2Answers = {
      ...answers,
      [ADD]: (input) => {
        const answer = answers[ADD](input);
        if (!lost) return answer;
        lost = false;
        return refusal("TimeoutError");
      },
    };
    const first = await close([proved(mail)], lossy);
    assert.deepEqual(words(), LEFT);
    const { after } = await close([proved(mail)], lossy, { before: first.after });
    const [subject] = after.subjects;
    assert.ok(subject?.kind === "securityGroup");
    assert.deepEqual(subject.before.rules, [mail]);
    assert.deepEqual(
      subject.replaced,
      [1, 2, 3].map((n) => ({ id: `sgr-new-${n}`, insteadOf: "sgr-mail" })),
    );
  });

  it("revokes first a rule that no look shows yet, and then puts others in its place", async () => {
    const { answers, words } = group([mail]);
    const { after, calls } = await close([proved(mail)], {
      ...answers,
      [LOOK]: { SecurityGroupRules: [] },
    });
    assert.deepEqual(names(calls), [LOOK, REVOKE, ADD]);
    assert.deepEqual([words(), after.alerts], [LEFT, []]);
  });

  it("does the same where the look fails", async () => {
    const { answers, words } = group([mail]);
    const { calls } = await close([proved(mail)], { ...answers, [LOOK]: throttled });
    assert.deepEqual([names(calls), words()], [[LOOK, REVOKE, ADD], LEFT]);
  });

  it("puts nothing in the place of a rule that went meanwhile, and says what it had put there", async () => {
    const { rules, answers, words } = group([mail]);
    const { after } = await close([proved(mail)], {
      ...answers,
      [REVOKE]: (input) => {
        rules.splice(0, 1);
        return answers[REVOKE](input);
      },
    });
    assert.deepEqual(words(), LEFT);
    assert.deepEqual(told(after.actions), [`done ec2:${ADD} sg-1`, `gone ec2:${REVOKE} sg-1`]);
    assert.deepEqual(after.alerts, [
      "sg-1: sgr-mail went meanwhile, by somebody else. What was added in place of it lets in what it had: sgr-new-1, sgr-new-2, sgr-new-3. Remove it if that was meant to go too",
    ]);
    const [subject] = after.subjects;
    assert.ok(subject?.kind === "securityGroup");
    assert.equal(subject.replaced?.length, 3);
  });

  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => rule(`sgr-${n}`, `198.51.100.${n}/32`, 443));

  it("adds into the room that the rule leaves where the group is full, and says what is lost", async () => {
    const { answers, words } = group([...many(58), mail]);
    const { after, calls } = await close([proved(mail)], answers);
    assert.deepEqual(names(calls), [LOOK, ADD, REVOKE, ADD, ADD, ADD, ADD]);
    assert.deepEqual(words().slice(58), LEFT.slice(0, 2));
    assert.deepEqual(after.notes, [
      `sg-1: in place of sgr-mail (tcp 20-25 from 0.0.0.0/0) comes ${LEFT.slice(0, 2).join("; ")}`,
    ]);
    const { IsEgress: _, SecurityGroupRuleId: __, ...office } = rule("", OFFICE);
    assert.deepEqual([after.alerts, after.lost], [[], [{ groupId: "sg-1", rule: office }]]);
    const [subject] = after.subjects;
    assert.ok(subject?.kind === "securityGroup");
    assert.deepEqual(
      subject.replaced,
      [1, 2].map((n) => ({ id: `sgr-new-${n}`, insteadOf: "sgr-mail" })),
    );
  });

  it("adds all at once after the rule where they fit then", async () => {
    const { answers, words } = group([...many(57), mail]);
    const { after, calls } = await close([proved(mail)], answers);
    assert.deepEqual(names(calls), [LOOK, ADD, REVOKE, ADD]);
    assert.deepEqual([words().slice(57), after.alerts], [LEFT, []]);
  });

  it("closes the line where it may not add, and says what is lost", async () => {
    const { answers, words } = group([mail]);
    const denied = refusal("UnauthorizedOperation");
    const { after, calls } = await close([proved(mail)], { ...answers, [ADD]: denied });
    assert.deepEqual([names(calls), words()], [[LOOK, ADD, REVOKE, ADD], []]);
    assert.deepEqual(
      after.lost?.map((one) => `${one.groupId} ${ruleInWords(one.rule)}`),
      LEFT.map((one) => `sg-1 ${one}`),
    );
    assert.deepEqual([after.alerts, after.open.length], [[], 2]);
  });

  it("has lost no more what a later look shows, whoever added it", async () => {
    const { rules, answers } = group([mail]);
    const denied = { ...answers, [ADD]: refusal("UnauthorizedOperation") };
    const { after: first } = await close([proved(mail)], denied);
    const second = await close([proved(mail)], answers, { before: first });
    assert.deepEqual(second.after.lost, first.lost);
    rules.push(rule("sgr-theirs", WORLD, 20, 21), rule("sgr-other", WORLD, 23));
    const third = await close([proved(mail)], answers, { before: second.after });
    assert.deepEqual(third.after.lost, first.lost?.slice(1));
    rules.push(rule("sgr-theirs-2", WORLD, 23, 25), rule("sgr-office", OFFICE));
    const last = await close([proved(mail)], answers, { before: third.after });
    assert.equal("lost" in last.after, false);
  });

  it("adds nothing more where the revocation is refused, and names the rule open", async () => {
    const { answers, words } = group([mail]);
    const answer = { ...answers, [REVOKE]: refusal("UnauthorizedOperation") };
    const { after, calls } = await close([proved(mail)], answer);
    assert.deepEqual(
      [names(calls), words()],
      [
        [LOOK, ADD, REVOKE],
        ["tcp 20-25 from 0.0.0.0/0", ...LEFT],
      ],
    );
    assert.deepEqual(after.open, [
      `ec2:${REVOKE} on sg-1: UnauthorizedOperation: said the service`,
    ]);
    const again = await close([proved(mail)], answers, { before: after });
    assert.deepEqual([names(again.calls), words()], [[LOOK, REVOKE], LEFT]);
  });

  const list: PrefixListSubject = { kind: "prefixList", id: "pl-1", adds: [] };
  it("leaves the other ports to a prefix list that opens SSH", async () => {
    const { answers, words } = group([rule("sgr-1", "pl-1", 22, 443)]);
    const { after } = await close([list], {
      ...answers,
      DescribeSecurityGroups: { SecurityGroups: [{ GroupId: "sg-1" }] },
      GetManagedPrefixListEntries: { Entries: [{ Cidr: "0.0.0.0/1" }, { Cidr: "128.0.0.0/1" }] },
    });
    assert.deepEqual(words(), ["tcp 23-443 from pl-1", `tcp 22 from ${OFFICE}`]);
    assert.deepEqual(after.open, []);
  });

  it("leaves SSH to a trusted prefix list, and to nobody where it cannot be read", async () => {
    const world = rule("sgr-1", WORLD);
    const trusting = { trustedCidrs: [], trustedLists: ["pl-2"] };
    const { answers, words } = group([world]);
    const GetManagedPrefixListEntries = { Entries: [{ Cidr: OFFICE }] };
    const { calls } = await close(
      [proved(world)],
      { ...answers, GetManagedPrefixListEntries },
      trusting,
    );
    assert.deepEqual(names(calls), ["GetManagedPrefixListEntries", LOOK, ADD, REVOKE]);
    assert.deepEqual(words(), ["tcp 22 from pl-2"]);

    const unread = group([world]);
    const { after } = await close(
      [proved(world)],
      { ...unread.answers, GetManagedPrefixListEntries: throttled },
      trusting,
    );
    assert.deepEqual(unread.words(), []);
    assert.deepEqual(after.alerts, [
      "The trusted prefix list pl-2 could not be read, so SSH is not left to it: ThrottlingException: Rate exceeded",
    ]);
  });

  it("narrows in a later pass what was opened again, and names it open", async () => {
    const { answers, words } = group([mail]);
    const { after } = await close([proved(mail)], answers, { before: caseOf({ round: 1 }) });
    assert.deepEqual(words(), LEFT);
    assert.deepEqual(after.open, ["sg-1 was open again by sgr-mail"]);
  });
});
