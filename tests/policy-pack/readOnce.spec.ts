import assert from "node:assert/strict";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { readOnce } from "../../policy-pack/readOnce";

const sdk = require("@pulumi/policy/deserialize");

describe("what the engine sends", () => {
  const original = sdk.deserializeProperties;
  before(readOnce);
  after(() => {
    sdk.deserializeProperties = original;
  });

  const sent = () => Struct.fromJavaScript({ a: [1, { b: "c" }] });

  it("is read once, as the SDK reads it", () => {
    const one = sent();
    const read = sdk.deserializeProperties(one, false);
    assert.deepEqual(read, { a: [1, { b: "c" }] });
    assert.equal(sdk.deserializeProperties(one, false), read);
    assert.notEqual(sdk.deserializeProperties(sent(), false), read);
  });

  it("is read anew for each remediation, which changes it", () => {
    const one = sent();
    assert.notEqual(sdk.deserializeProperties(one, true), sdk.deserializeProperties(one, true));
  });
});
