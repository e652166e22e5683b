import assert from "node:assert/strict";
import * as iam from "@aws-sdk/client-iam";
import type { GroupSubject } from "../../events/incident";
import { groupGrantDocument } from "../../functions/account/group";
import { lookAtUser } from "../../functions/account/look";
import { lookAtRole, roleDoors } from "../../functions/account/role";
import { fakeSdk, inTurn, noSuchEntity } from "./fakeSdk";
import {
  ADMIN,
  attached,
  bareUser,
  DENY_ALL,
  HARMLESS,
  type IamAnswers,
  nobody,
  settings,
  TEAM,
} from "./given";

function look(answers: IamAnswers) {
  const { sdk } = fakeSdk(iam, "IAMClient", { ...bareUser, ...answers });
  return lookAtUser(sdk, new sdk.IAMClient({}), "bob");
}

describe("a look at a user that is none", () => {
  const lists = [
    "ListAttachedUserPolicies",
    "ListUserPolicies",
    "ListGroupsForUser",
    "ListAccessKeys",
    "ListSSHPublicKeys",
    "ListServiceSpecificCredentials",
    "ListSigningCertificates",
    "ListMFADevices",
  ] as const;

  for (const call of lists) {
    it(`${call} without its list`, async () => {
      const message = "An answer of AWS lacks the list that was asked for";
      assert.deepEqual((await look({ [call]: {} }))?.failed, [
        { call: `iam:${call}`, error: `LookFailed: ${message}` },
      ]);
    });

    it(`${call} does not know the user, and GetUser does`, async () => {
      const error = `${noSuchEntity.name}: said the service of user bob, who is there`;
      assert.deepEqual((await look({ [call]: noSuchEntity }))?.failed, [
        { call: `iam:${call}`, error },
      ]);
    });
  }

  it("is a look where IAM leaves out an empty list, and says that there is no more", async () => {
    const done = { IsTruncated: false };
    const found = await look({ ListAttachedUserPolicies: done, ListMFADevices: done });
    assert.deepEqual([found?.attached, found?.mfaDevices], [[], []]);
  });

  it("GetUser without a user", async () => {
    const message = "IAM's answer about user bob holds no user";
    assert.deepEqual((await look({ GetUser: {} }))?.failed, [
      { call: "iam:GetUser", error: `LookFailed: ${message}` },
    ]);
  });

  it("GetUser does not know him, and another call shows what he has", async () => {
    const AccessKeyMetadata = [{ AccessKeyId: "AKIA0000000000000001", Status: "Active" }] as const;
    const found = await look({
      ...nobody,
      ListAccessKeys: { AccessKeyMetadata: [...AccessKeyMetadata] },
    });
    assert.deepEqual(found?.keys, [{ id: "AKIA0000000000000001", status: "Active" }]);
    assert.ok(found.failed?.some(({ call }) => call === "iam:GetUser"));
  });

  it("is a look where nobody knows him: he is gone", async () => {
    assert.equal(await look(nobody), undefined);
  });

  const devs = { ListGroupsForUser: { Groups: [{ GroupName: "devs" }] } };
  const groupLists = {
    ListAttachedGroupPolicies: { AttachedPolicies: [] },
    ListGroupPolicies: { PolicyNames: ["all"] },
  };

  it("a list shows an inline policy that IAM does not know", async () => {
    const shown = (what: string) => `LookFailed: AWS says that ${what} is not there, and shows it`;
    const his = { ListUserPolicies: { PolicyNames: ["all"] }, GetUserPolicy: noSuchEntity };
    const groups = { ...devs, ...groupLists, GetGroupPolicy: noSuchEntity };
    const found = await look({ ...his, ...groups });
    assert.deepEqual(
      [found?.inline, found?.groups, found?.failed],
      [
        [],
        [{ name: "devs", attached: [], inline: [] }],
        [
          { call: "iam:GetUserPolicy of all", error: shown("inline policy all of user bob") },
          {
            call: "iam:GetGroupPolicy of all of devs",
            error: shown("inline policy all of group devs"),
          },
        ],
      ],
    );
  });

  it("an inline policy without a document", async () => {
    const his = { ListUserPolicies: { PolicyNames: ["all"] }, GetUserPolicy: {} };
    const error = "LookFailed: IAM's answer about inline policy all of user bob holds none";
    assert.deepEqual((await look(his))?.failed, [{ call: "iam:GetUserPolicy of all", error }]);
  });

  it("is a look where an inline policy went in between, by the list too", async () => {
    const went = () => inTurn({ PolicyNames: ["all"] }, { PolicyNames: [] });
    const found = await look({
      ...devs,
      ...groupLists,
      ListUserPolicies: went(),
      GetUserPolicy: noSuchEntity,
      ListGroupPolicies: went(),
      GetGroupPolicy: noSuchEntity,
    });
    const groups = [{ name: "devs", attached: [], inline: [] }];
    assert.deepEqual([found?.inline, found?.groups, found?.failed], [[], groups, undefined]);
  });

  for (const call of ["ListAttachedGroupPolicies", "ListGroupPolicies"] as const) {
    it(`${call} does not know a group that the other one shows`, async () => {
      const answers = { ...devs, ...groupLists, GetGroupPolicy: { PolicyDocument: HARMLESS } };
      const error = "LookFailed: AWS says that group devs is not there, and shows it";
      assert.deepEqual((await look({ ...answers, [call]: noSuchEntity }))?.failed, [
        { call: `iam:${call} of devs`, error },
      ]);
    });
  }

  it("is a look where a group went in between", async () => {
    const gone = { ListAttachedGroupPolicies: noSuchEntity, ListGroupPolicies: noSuchEntity };
    const found = await look({ ...devs, ...gone });
    const groups = [{ name: "devs", attached: [], inline: [] }];
    assert.deepEqual([found?.groups, found?.failed], [groups, undefined]);
  });

  it("tells of twenty calls that failed one by one, those about himself first", async () => {
    const names = Array.from({ length: 30 }, (_, index) => `p${index}`);
    const failed = (
      await look({
        ListUserPolicies: { PolicyNames: names },
        GetUserPolicy: new Error("no"),
        ListMFADevices: new Error("no"),
      })
    )?.failed;
    const error = "Error: no";
    assert.deepEqual(failed, [
      { call: "iam:ListMFADevices", error },
      ...names.slice(0, 19).map((name) => ({ call: `iam:GetUserPolicy of ${name}`, error })),
      { call: "iam:GetUserPolicy of p19 and 10 more calls", error },
    ]);
  });
});

const ROLE = "arn:aws:iam::123456789012:role/worker";

/** Denied, and with two grants of which a broken answer must hide neither. */
const worker = {
  GetRole: { Role: { Arn: ROLE, AssumeRolePolicyDocument: HARMLESS } },
  ListAttachedRolePolicies: {
    AttachedPolicies: [{ PolicyArn: DENY_ALL }, { PolicyArn: ADMIN }],
  },
  ListRolePolicies: { PolicyNames: ["all"] },
  GetRolePolicy: { PolicyDocument: HARMLESS },
  ListInstanceProfilesForRole: { InstanceProfiles: [] },
} satisfies IamAnswers;

function eyeOn(answers: IamAnswers) {
  const { sdk } = fakeSdk(iam, "IAMClient", { ...worker, ...answers });
  return { sdk, iam: new sdk.IAMClient({}), denyAll: DENY_ALL, settings: settings() };
}

async function stillOpen(
  eye: Parameters<typeof roleDoors>[0],
  role: Parameters<typeof roleDoors>[1],
) {
  return roleDoors(eye, role, await lookAtRole(eye, role.name));
}

describe("a look at what a group was given", () => {
  const look = (answers: IamAnswers, grant: GroupSubject["grant"]) => {
    const { sdk } = fakeSdk(iam, "IAMClient", answers);
    const eye = { sdk, iam: new sdk.IAMClient({}), denyAll: DENY_ALL, settings: settings() };
    return groupGrantDocument(eye, { name: "devs", ...(grant && { grant }) });
  };
  const inline = { kind: "inline", policyName: "all" } as const;
  const managed = { kind: "attached", policyArn: TEAM } as const;

  it("is none where a list shows what IAM does not know", async () => {
    const listed = { GetGroupPolicy: noSuchEntity, ListGroupPolicies: { PolicyNames: ["all"] } };
    const shown = "is not there, and shows it";
    await assert.rejects(look(listed, inline), {
      name: "LookFailed",
      message: `AWS says that inline policy all of group devs ${shown}`,
    });
    const has = { GetPolicy: noSuchEntity, ListAttachedGroupPolicies: attached(TEAM) };
    await assert.rejects(look(has, managed), {
      name: "LookFailed",
      message: `AWS says that ${TEAM} ${shown} on group devs`,
    });
  });

  it("shows that it is gone where the list agrees", async () => {
    const inlineGone = { GetGroupPolicy: noSuchEntity, ListGroupPolicies: { PolicyNames: ["b"] } };
    assert.equal(await look(inlineGone, inline), undefined);
    const away = { GetPolicy: noSuchEntity, ListAttachedGroupPolicies: attached() };
    assert.equal(await look(away, managed), undefined);
  });
});

describe("a look at a role that is none", () => {
  const broken = (message: string) => ({ name: "LookFailed", message });
  const has = { kind: "role", name: "worker", policyArn: ADMIN, policyName: "all" } as const;
  const lists = [
    "ListAttachedRolePolicies",
    "ListRolePolicies",
    "ListInstanceProfilesForRole",
  ] as const;

  it("shows both grants where every answer is one", async () => {
    assert.deepEqual(await stillOpen(eyeOn({}), has), [
      `role worker has ${ADMIN}`,
      "role worker has inline policy all",
    ]);
  });

  for (const call of lists) {
    it(`${call} without its list`, async () => {
      const asked = stillOpen(eyeOn({ [call]: {} }), has);
      await assert.rejects(asked, broken("An answer of AWS lacks the list that was asked for"));
    });

    it(`${call} does not know the role, and GetRole does`, async () => {
      const asked = stillOpen(eyeOn({ [call]: noSuchEntity }), has);
      await assert.rejects(asked, broken("AWS says that role worker is not there, and shows it"));
    });
  }

  it("GetRole does not know it, and a list does", async () => {
    const asked = stillOpen(eyeOn({ GetRole: noSuchEntity }), has);
    await assert.rejects(asked, broken("AWS says that role worker is not there, and shows it"));
  });

  it("GetRole without a role", async () => {
    const asked = stillOpen(eyeOn({ GetRole: {} }), has);
    await assert.rejects(asked, broken("IAM's answer about role worker holds no role"));
  });

  it("GetRolePolicy without a document, or not knowing what is listed", async () => {
    const what = "inline policy all of role worker";
    const none = stillOpen(eyeOn({ GetRolePolicy: {} }), has);
    await assert.rejects(none, broken(`IAM's answer about ${what} holds none`));
    const gone = stillOpen(eyeOn({ GetRolePolicy: noSuchEntity }), has);
    await assert.rejects(gone, broken(`AWS says that ${what} is not there, and shows it`));
  });

  it("is a look where an inline policy went in between", async () => {
    const gone: IamAnswers = {
      GetRolePolicy: noSuchEntity,
      ListRolePolicies: inTurn({ PolicyNames: ["all"] }, { PolicyNames: [] }),
    };
    assert.deepEqual(await stillOpen(eyeOn(gone), has), [`role worker has ${ADMIN}`]);
  });

  it("is a look where IAM leaves out an empty list, and says that there is no more", async () => {
    const done = { IsTruncated: false };
    const empty = Object.fromEntries(lists.map((call) => [call, done]));
    const found = await lookAtRole(eyeOn(empty), "worker");
    assert.deepEqual(found, {
      arn: ROLE,
      attached: [],
      inline: [],
      trust: HARMLESS,
      instanceProfiles: [],
      documents: [],
    });
  });

  it("is a look where GetRole and a list do not know it: it is gone", async () => {
    const gone = eyeOn({
      GetRole: noSuchEntity,
      ...Object.fromEntries(lists.map((call) => [call, noSuchEntity])),
    });
    assert.deepEqual(await stillOpen(gone, has), []);
  });
});
