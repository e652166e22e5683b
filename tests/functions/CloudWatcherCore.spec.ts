import assert from "node:assert/strict";
import { cloudWatcherCore } from "../../functions/CloudWatcherCore";
import { ADMIN } from "./given";

const settings = {
  sshPorts: [22],
  trustedCidrs: [],
  newCredentials: "admins" as const,
  guardDutySeverity: 7,
  applicationUsers: ["app-*"],
  protectedPrincipals: [],
  trustedActors: [],
  exemptions: [],
  ownRoles: [],
  stackRoles: [],
  containActor: false,
  containRoles: false,
};

function attach(userName: string) {
  return {
    eventSource: "iam.amazonaws.com",
    eventName: "AttachUserPolicy",
    userIdentity: { type: "IAMUser", userName: "mallory", arn: "arn:aws:iam::1:user/mallory" },
    requestParameters: { userName, policyArn: ADMIN },
  };
}

function exempt(expires: string) {
  const exemption = { rule: "admin-user", subject: "bob", owner: "o", reason: "r" } as const;
  return cloudWatcherCore({ ...settings, exemptions: [{ ...exemption, expires }] });
}

describe("CloudWatcherCore", () => {
  it("judges the record by the settings that it was deployed with", async () => {
    const judge = cloudWatcherCore(settings);
    const bob = await judge({ detail: attach("bob") });
    assert.equal(bob.decision, "EmergencyActionAccount");
    assert.deepEqual(
      bob.subjects.map((one) => one.kind === "user" && [one.name, one.proved]),
      [["bob", true]],
    );
    assert.equal((await judge({ detail: attach("app-1") })).decision, "EmergencyActionApplication");
  });

  it("lets an exemption end on the day that it names, not on the day of the deployment", async () => {
    const ago = (days: number) =>
      new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
    const judged = async (expires: string) =>
      (await exempt(expires)({ detail: attach("bob") })).decision;
    assert.equal(await judged(ago(-2)), "Ignore");
    assert.equal(await judged(ago(2)), "EmergencyActionAccount");
  });

  it("knows the account of a person's order from its own ARN", async () => {
    const invokedFunctionArn = "arn:aws:lambda:us-east-1:123456789012:function:core";
    const { event } = await cloudWatcherCore(settings)({ user: "bob" }, { invokedFunctionArn });
    assert.deepEqual([event.account, event.region], ["123456789012", "us-east-1"]);
  });

  for (const event of [undefined, null, "a text", 7, [], {}, { detail: null }, { detail: [1] }]) {
    it(`ignores ${JSON.stringify(event)} with a reason, and does not throw`, async () => {
      const { decision, reason, subjects } = await cloudWatcherCore(settings)(event);
      assert.deepEqual([decision, subjects], ["Ignore", []]);
      assert.notEqual(reason, "");
    });
  }
});
