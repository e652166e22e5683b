import assert from "node:assert/strict";
import { exemptionFor, readExemptions } from "../../rulebook/exemptions";

const entry = {
  rule: "admin-user",
  subject: "bob",
  owner: "o@example.com",
  reason: "because",
  expires: "2026-12-31",
};

describe("readExemptions", () => {
  it("takes a whole entry, also with a date that YAML has read", () => {
    const { exemptions, complaints } = readExemptions([
      entry,
      { ...entry, expires: new Date("2026-12-31T00:00:00Z") },
    ]);
    assert.deepEqual(complaints, []);
    assert.deepEqual(
      exemptions.map(({ expires }) => expires),
      ["2026-12-31", "2026-12-31"],
    );
  });

  const wrong: [name: string, data: unknown, complaint: RegExp][] = [
    ["no list", { a: 1 }, /must be a list/],
    ["no object", ["text"], /exemptions\[0\]/],
    ["a missing key", [{ ...entry, owner: undefined }], /owner/],
    ["an empty text", [{ ...entry, reason: " " }], /reason/],
    ["an unknown key", [{ ...entry, until: "x" }], /until/],
    ["an unknown rule", [{ ...entry, rule: "all" }], /rule.*all/],
    ["no date", [{ ...entry, expires: "soon" }], /expires.*soon/],
    ["a day that no calendar has", [{ ...entry, expires: "2026-02-30" }], /2026-02-30/],
    ["a time of day", [{ ...entry, expires: new Date("2026-12-31T10:00:00Z") }], /expires/],
    ["an over-long value", [{ ...entry, rule: "x".repeat(500) }], /…/],
    ["a value that is no JSON", [{ ...entry, rule: 7n }], /bigint/],
  ];
  for (const [name, data, complaint] of wrong) {
    it(`${name} exempts nothing, and is complained about`, () => {
      const { exemptions, complaints } = readExemptions(data);
      assert.deepEqual(exemptions, []);
      assert.match(complaints.join("\n"), complaint);
    });
  }

  it("an empty file is no exemption", () => {
    assert.deepEqual(readExemptions(undefined), { exemptions: [], complaints: [] });
    assert.deepEqual(readExemptions(null), { exemptions: [], complaints: [] });
  });
});

describe("exemptionFor", () => {
  const { exemptions } = readExemptions([entry]);
  const at = (now: string, subject = "bob") =>
    exemptionFor(exemptions, "admin-user", [subject], now);

  it("holds to the end of its last day, and then says that it expired", () => {
    assert.equal(at("2026-12-31T23:59:59Z").exemption?.subject, "bob");
    const late = at("2027-01-01T00:00:00Z");
    assert.equal(late.exemption, undefined);
    assert.match(late.complaints[0] ?? "", /bob.*expired.*2026-12-31/);
  });

  it("counts for its own subject and rule only, and at a time only", () => {
    assert.equal(at("2026-06-01T00:00:00Z", "bobby").exemption, undefined);
    assert.equal(at("no time").exemption, undefined);
    const ssh = exemptionFor(exemptions, "ssh-open-to-world", ["bob"], "2026-06-01T00:00:00Z");
    assert.equal(ssh.exemption, undefined);
  });
});
