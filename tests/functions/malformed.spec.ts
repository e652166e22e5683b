import assert from "node:assert/strict";
import * as iam from "@aws-sdk/client-iam";
import { lookAtUser } from "../../functions/account/look";
import { fakeSdk, noSuchEntity } from "./fakeSdk";
import { bareUser, type IamAnswers, nobody } from "./given";

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
});
