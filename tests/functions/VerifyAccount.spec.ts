import assert from "node:assert/strict";
import * as cloudtrail from "@aws-sdk/client-cloudtrail";
import * as iam from "@aws-sdk/client-iam";
import type { Case, CaseSubject } from "../../functions/case";
import { verifyAccount } from "../../functions/VerifyAccount";
import { cutsIn, fakeSdk, noSuchEntity, throttled, withEnvironment } from "./fakeSdk";
import {
  ADMIN,
  ALLOW_ALL,
  attached,
  bareLook,
  bareUser,
  caseOf,
  DENY_ALL,
  HARMLESS,
  type IamAnswers,
  incident,
  keys,
  nobody,
  only,
  settings,
  TEAM,
  validCase,
} from "./given";

const bob: CaseSubject = { kind: "user", name: "bob", accessKeyId: "AKIA1" };
const devs = { kind: "group" as const, name: "devs", before: { members: ["bob"] } };
const team: CaseSubject = {
  kind: "policy",
  arn: TEAM,
  before: { users: [], groups: [], roles: [], keepers: [] },
};
const closed = { ...bareUser, ListAttachedUserPolicies: attached(DENY_ALL) };
const GetAccessKeyLastUsed = { UserName: "robert" };

const { documents: _, ...bare } = bareLook;
const denied = { ...bare, attached: [DENY_ALL] };
const active = (id: string) => ({ id, status: "Active" });

const cases: [
  name: string,
  subject: CaseSubject,
  answers: IamAnswers,
  open: string[],
  after: unknown,
][] = [
  ["a user with nothing but deny-all", bob, closed, [], denied],
  ["a user who is gone", bob, { ...nobody, GetAccessKeyLastUsed: noSuchEntity }, [], "gone"],
  [
    "a user with harmless policies and groups, by their names",
    bob,
    {
      ...closed,
      ListUserPolicies: { PolicyNames: ["own"] },
      GetUserPolicy: { PolicyDocument: HARMLESS },
      ListGroupsForUser: { Groups: [{ GroupName: "devs" }] },
      ListAttachedGroupPolicies: { AttachedPolicies: [] },
      ListGroupPolicies: { PolicyNames: ["its"] },
      GetGroupPolicy: { PolicyDocument: HARMLESS },
    },
    [],
    { ...denied, inline: [{ name: "own" }], groups: [{ name: "devs" }] },
  ],
  [
    "a user whom the boundary denies",
    bob,
    {
      ...bareUser,
      GetUser: { User: { PermissionsBoundary: { PermissionsBoundaryArn: DENY_ALL } } },
    },
    [],
    { ...bare, boundary: DENY_ALL },
  ],
  [
    "every other credential",
    bob,
    {
      ...closed,
      ListSSHPublicKeys: { SSHPublicKeys: [{ SSHPublicKeyId: "APKA1", Status: "Active" }] },
      ListServiceSpecificCredentials: {
        ServiceSpecificCredentials: [{ ServiceSpecificCredentialId: "ACCA1", Status: "Active" }],
      },
      ListSigningCertificates: { Certificates: [{ CertificateId: "C1", Status: "Active" }] },
      ListMFADevices: { MFADevices: [{ SerialNumber: "arn:mfa" }] },
    },
    [
      "user bob has the active SSH key APKA1",
      "user bob has the active service-specific credential ACCA1",
      "user bob has the active certificate C1",
      "user bob has the MFA device arn:mfa",
    ],
    {
      ...denied,
      sshKeys: [active("APKA1")],
      serviceCredentials: [{ ...active("ACCA1"), service: "" }],
      certificates: [active("C1")],
      mfaDevices: ["arn:mfa"],
    },
  ],
  ["a missing deny-all", bob, bareUser, ["user bob has no AWSDenyAll"], bare],
  [
    "an active key, not an inactive one",
    bob,
    { ...closed, ListAccessKeys: keys("AKIA1", "-AKIA2") },
    ["user bob has the active key AKIA1"],
    { ...denied, keys: [active("AKIA1"), { id: "AKIA2", status: "Inactive" }] },
  ],
  [
    "a password",
    bob,
    { ...closed, GetLoginProfile: {} },
    ["user bob has a console password"],
    { ...denied, password: true },
  ],
  [
    "an admin path that deny-all only covers",
    bob,
    { ...closed, ListAttachedUserPolicies: attached(DENY_ALL, ADMIN) },
    ["user bob → AdministratorAccess allows nearly every action on nearly every resource"],
    { ...bare, attached: [DENY_ALL, ADMIN] },
  ],
  [
    "a renamed user",
    bob,
    {
      ...closed,
      GetUser: only("bob", noSuchEntity, { User: {} }),
      ListAttachedUserPolicies: only("bob", noSuchEntity, closed.ListAttachedUserPolicies),
      GetAccessKeyLastUsed,
      GetLoginProfile: only("bob", noSuchEntity, {}),
    },
    ["user robert has a console password"],
    { ...denied, password: true },
  ],
  [
    "a group that has the policy again",
    { ...devs, policyArn: ADMIN },
    { ListAttachedGroupPolicies: attached(TEAM, ADMIN) },
    [`group devs has ${ADMIN}`],
    { granted: true },
  ],
  [
    "a group without it",
    { ...devs, policyArn: ADMIN },
    { ListAttachedGroupPolicies: attached(TEAM) },
    [],
    { granted: false },
  ],
  [
    "a group that has the inline policy",
    { ...devs, policyName: "p" },
    { GetGroupPolicy: { PolicyDocument: ALLOW_ALL } },
    ["group devs has inline policy p"],
    { granted: true },
  ],
  [
    "a group that is gone",
    { ...devs, policyName: "p" },
    {
      GetGroupPolicy: noSuchEntity,
      ListGroupPolicies: noSuchEntity,
      ListAttachedGroupPolicies: noSuchEntity,
    },
    [],
    { granted: false },
  ],
  [
    "a policy with holders",
    team,
    {
      ListEntitiesForPolicy: {
        PolicyUsers: [{ UserName: "bob" }],
        PolicyGroups: [{ GroupName: "devs" }],
        PolicyRoles: [{ RoleName: "ci" }],
      },
    },
    [`user bob has ${TEAM}`, `group devs has ${TEAM}`],
    { users: ["bob"], groups: ["devs"], roles: ["ci"], keepers: [] },
  ],
];

async function verify(subjects: CaseSubject[], answers: IamAnswers, over: Partial<Case> = {}) {
  const { sdk, calls } = fakeSdk(iam, "IAMClient", answers);
  const trail = fakeSdk(cloudtrail, "CloudTrailClient", { LookupEvents: { Events: [] } });
  const before = caseOf({ subjects, open: ["as it was"], round: 2, notes: ["kept"], ...over });
  const handler = verifyAccount(sdk, trail.sdk, { ...settings(), ownRoles: [] });
  const after = await validCase(handler, { incident: incident([]), caseId: "e", case: before });
  const asked = trail.calls.flatMap(
    ([, input]) => (input as { LookupAttributes?: unknown[] }).LookupAttributes ?? [],
  );
  return { before, after, calls, asked };
}

const emptyGroup: IamAnswers = {
  ListAttachedGroupPolicies: { AttachedPolicies: [] },
  ListGroupPolicies: { PolicyNames: [] },
};

/** Two users, of whom the second is open. */
const eve: CaseSubject = { kind: "user", name: "eve" };
const eveOpen: IamAnswers = { ...closed, GetLoginProfile: only("eve", {}, noSuchEntity) };

describe("VerifyAccount", () => {
  withEnvironment({ DENY_ALL_ARN: DENY_ALL });

  for (const [name, subject, answers, open, seen] of cases) {
    it(`finds ${open.length || "nothing"} open: ${name}`, async () => {
      const { before, after, calls } = await verify([subject], answers);
      const quiet = open.length === 0 ? before.quiet + 1 : 0;
      const subjects = [{ ...subject, after: seen }];
      assert.deepEqual(after, { ...before, subjects, open, round: 3, quiet });
      assert.deepEqual(cutsIn(calls), []);
    });
  }

  it("asks who opened what is open still, at the last look", async () => {
    const { after, asked } = await verify([bob, eve], eveOpen, { round: 5 });
    assert.deepEqual(asked, [{ AttributeKey: "ResourceName", AttributeValue: "eve" }]);
    assert.deepEqual(after.open, ["user eve has a console password"]);
    assert.match(after.alerts.join(), /^Whether somebody opens user eve again/);
    assert.deepEqual((await verify([bob, eve], eveOpen, { round: 4 })).asked, []);
  });

  it("asks it of all where a look had found something open, once all is closed", async () => {
    const { after, asked } = await verify(
      [bob, eve, devs],
      { ...closed, ...emptyGroup },
      { round: 2, quiet: 1 },
    );
    const by = (AttributeValue: string) => ({ AttributeKey: "ResourceName", AttributeValue });
    assert.deepEqual(asked, [by("bob"), by("eve"), by("devs")]);
    assert.deepEqual([after.open, after.alerts, after.notes.length], [[], [], 4]);
  });

  it("asks nobody where every look found all closed", async () => {
    const { after, asked } = await verify([bob], closed, { round: 1, quiet: 1, open: [] });
    assert.deepEqual([after.quiet, asked, after.notes], [2, [], ["kept"]]);
  });

  for (const look of Object.keys(bareUser)) {
    it(`has a throttled ${look} open: what could not be seen is not closed`, async () => {
      const { after } = await verify([bob], { ...closed, [look]: throttled });
      assert.deepEqual(after.open, [
        `user bob: iam:${look} failed: ThrottlingException: Rate exceeded`,
      ]);
      assert.equal(after.quiet, 0);
    });
  }

  it("reads every page", async () => {
    const { after, calls } = await verify([bob], {
      ...closed,
      ListAccessKeys: ({ Marker }) =>
        Marker ? keys("AKIA2") : { ...keys("-AKIA1"), IsTruncated: true, Marker: "next" },
    });
    assert.deepEqual(after.open, ["user bob has the active key AKIA2"]);
    assert.equal(calls.filter(([call]) => call === "ListAccessKeys").length, 2);
  });
});
