import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { GetUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { clientTimes } from "../../functions/client";

describe("clientTimes", () => {
  it("make a call that is never answered a failed one, by name and in time", async () => {
    const calls: string[] = [];
    const silent = http.createServer(({ url = "" }) => calls.push(url)).listen(0);
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const client = new IAMClient({
      ...clientTimes,
      maxAttempts: 1,
      endpoint: `http://127.0.0.1:${port}`,
      region: "us-east-1",
      credentials: { accessKeyId: "AKIA1", secretAccessKey: "none" },
    });
    const began = Date.now();
    await assert.rejects(client.send(new GetUserCommand({ UserName: "bob" })), {
      name: "TimeoutError",
    });
    const waited = Date.now() - began;
    client.destroy();
    silent.closeAllConnections();
    silent.close();
    assert.deepEqual([calls.length, Math.round(waited / 1000)], [1, 3]);
  });

  it("fit three attempts, twice one after the other, into a Lambda", () => {
    const { maxAttempts, requestHandler } = clientTimes;
    assert.ok(2 * maxAttempts * requestHandler.requestTimeout < 25_000);
    assert.ok(requestHandler.connectionTimeout < requestHandler.requestTimeout);
  });
});
