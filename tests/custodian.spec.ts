import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { loadScenario } from "../drill/scenario";

const folder = path.join(__dirname, "..", "scenarios");

/**
 * What rules that react to one event are known to stumble over, and the scenarios that play it.
 * tests/scenarios.spec.ts runs them.
 */
const list: Record<string, string[]> = {
  "events in the order attach, key, password": ["attach-key-password"],
  "a new policy version": ["policy-version-that-makes-admins"],
  "a policy on the user's group": ["group-inline-policy", "group-managed-policy-by-a-member"],
  "own key with null parameters": ["own-key-with-null-parameters"],
  "key re-activated": ["key-switched-on-again"],
  "look-up throttled through all of the client's retries": ["look-up-throttled"],
  "the key call denied by an SCP while everything else still goes": [
    "key-call-denied-by-the-organization",
  ],
  "EntityTemporarilyUnmodifiable on the password": ["password-not-modifiable-yet"],
  "NoSuchEntity at first": ["user-not-there-at-first"],
  "a standing admin who rotates his key": [
    "standing-admin-rotates-his-key",
    "standing-admin-rotates-his-key-never",
    "standing-admin-rotates-his-key-observe",
  ],
  "user deleted in between": ["user-deleted-meanwhile"],
  "a prefix list that opens": ["prefix-list-opened", "prefix-list-completes-the-world"],
  "an internet in halves": ["ssh-in-two-halves"],
  "IPv6 in pieces": ["ssh-ipv6-in-pieces"],
  "udp 22 left alone": ["udp-22"],
  "a rule that vanishes between look and revocation": [
    "ssh-rule-vanishes-before-the-cut",
    "ssh-proved-rule-vanishes",
  ],
  "InvalidGroup.NotFound at first": ["ssh-group-not-there-at-first"],
  "revocation denied": ["ssh-revocation-denied"],
  "group deleted meanwhile": ["ssh-group-deleted-meanwhile"],
};

/** How often the SDK's client asks in all, where nobody says otherwise. */
const CLIENT_ATTEMPTS = 3;

function scenario(name: string) {
  return loadScenario(path.join(folder, `${name}.yaml`));
}

describe("every trap that is known", () => {
  for (const [trap, names] of Object.entries(list)) {
    it(`has its scenario: ${trap}`, () => {
      for (const name of names) {
        assert.ok(existsSync(path.join(folder, `${name}.yaml`)), name);
        const { attack, expect } = scenario(name);
        assert.ok(attack.length > 0, name);
        assert.equal(expect.decisions?.length, attack.length, `${name}: decisions`);
      }
    });
  }

  it("is played as it is named", () => {
    const { attack } = scenario("attach-key-password");
    assert.deepEqual(
      attack.map((one) => (one.kind === "call" ? one.action : "event")),
      ["AttachUserPolicy", "CreateAccessKey", "CreateLoginProfile"],
    );
    const [throttled] = scenario("look-up-throttled").faults;
    assert.ok(throttled && throttled.times > CLIENT_ATTEMPTS, JSON.stringify(throttled));
    assert.equal(scenario("key-call-denied-by-the-organization").expect.ends, "Failed");
    assert.equal(scenario("ssh-revocation-denied").expect.ends, "Failed");
    const races = [
      "ssh-rule-vanishes-before-the-cut",
      "ssh-proved-rule-vanishes",
      "ssh-group-deleted-meanwhile",
    ];
    assert.deepEqual(
      races.map((name) => scenario(name).attack.map((step) => step.when)),
      races.map(() => ["start", "before-cut"]),
    );
  });
});
