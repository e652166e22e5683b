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
      await assert.rejects(look({ [call]: {} }), { name: "LookFailed", message });
    });

    it(`${call} does not know the user, and GetUser does`, async () => {
      const message = 'user bob is there, and yet IAM says "said the service" of him';
      await assert.rejects(look({ [call]: noSuchEntity }), { name: "LookFailed", message });
    });
  }

  it("is a look where IAM leaves out an empty list, and says that there is no more", async () => {
    const done = { IsTruncated: false };
    const found = await look({ ListAttachedUserPolicies: done, ListMFADevices: done });
    assert.deepEqual([found?.attached, found?.mfaDevices], [[], []]);
  });

  it("GetUser without a user", async () => {
    const message = "IAM's answer about user bob holds no user";
    await assert.rejects(look({ GetUser: {} }), { name: "LookFailed", message });
  });

  it("is a look where nobody knows him: he is gone", async () => {
    assert.equal(await look(nobody), undefined);
  });
});
