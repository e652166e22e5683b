import assert from "node:assert/strict";
import { spared } from "../../functions/account/spared";

const exemption = { rule: "admin-user", owner: "o", reason: "r", expires: "9999-12-31" } as const;
const settings = {
  protectedPrincipals: ["break-glass"],
  applicationUsers: ["app-*"],
  exemptions: [{ ...exemption, subject: "auditor" }],
};

describe("who is left alone, whom only a look brought up", () => {
  const cases: [name: string, why: unknown][] = [
    [
      "break-glass",
      { alerts: ["User break-glass is protected and was not contained: look at him yourself"] },
    ],
    [
      "Break-Glass",
      { alerts: ["User Break-Glass is protected and was not contained: look at him yourself"] },
    ],
    ["auditor", { notes: ["User auditor is exempt until 9999-12-31 by o: r"] }],
    ["AUDITOR", { notes: ["User AUDITOR is exempt until 9999-12-31 by o: r"] }],
    [
      "app-shop",
      {
        alerts: ["User app-shop runs an application and was not locked out: look at him yourself"],
      },
    ],
    ["APP-evil", undefined],
    ["break-glass2", undefined],
  ];
  for (const [name, why] of cases) {
    it(`${name}: ${why ? "left alone" : "not"}`, () => {
      assert.deepEqual(spared(name, settings), why);
    });
  }
});
