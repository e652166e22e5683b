import assert from "node:assert/strict";
import { minified } from "../../functions/account/document";

describe("minified", () => {
  const cases: [name: string, document: string, want: string][] = [
    ["white space between", ' { "A" :\t[ 1 ,\r\n2 ] } ', '{"A":[1,2]}'],
    [
      "white space in a text",
      '{"A b": "c  \\" { } d\\\\" , "e": " "}',
      '{"A b":"c  \\" { } d\\\\","e":" "}',
    ],
    [
      "a number and a key as they are written",
      '{"A": 12345678901234567890, "A": 1.0}',
      '{"A":12345678901234567890,"A":1.0}',
    ],
    ["what is no JSON", "{ A }", "{ A }"],
    ["nothing", "", ""],
  ];
  for (const [name, document, want] of cases) {
    it(`${name}, plain and URL-encoded`, () => {
      assert.equal(minified(document), want);
      assert.equal(minified(encodeURIComponent(document)), encodeURIComponent(want));
    });
  }

  it("leaves what cannot be decoded", () => assert.equal(minified("%E0%A4%A"), "%E0%A4%A"));

  it("takes 90,000 spaces, at once", () => {
    const padded = `{${" ".repeat(90_000)}"Statement":[]}`;
    assert.equal(minified(encodeURIComponent(padded)), encodeURIComponent('{"Statement":[]}'));
  });
});
