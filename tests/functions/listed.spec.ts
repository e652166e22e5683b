import assert from "node:assert/strict";
import { believeGone } from "../../functions/listed";

const error = (name: string) => Object.assign(new Error("no"), { name });
const fails = (name: string) => () => Promise.reject(error(name));

describe("believeGone", () => {
  it("believes what a second call says too", async () => {
    await believeGone(error("NoSuchEntityException"), "group devs", fails("NoSuchEntityException"));
  });

  it("believes nothing where the second call shows it", async () => {
    await assert.rejects(
      believeGone(error("NoSuchEntityException"), "group devs", async () => ({})),
      { name: "LookFailed", message: "AWS says that group devs is not there, and shows it" },
    );
  });

  it("throws what the second call throws", async () => {
    const asked = believeGone(error("NoSuchEntityException"), "group devs", fails("Throttling"));
    await assert.rejects(asked, { name: "Throttling" });
  });

  it("asks nothing where the first call failed in another way", async () => {
    const never = () => assert.fail("asked");
    await assert.rejects(believeGone(error("AccessDenied"), "group devs", never), {
      name: "AccessDenied",
    });
  });
});
