import assert from "node:assert/strict";
import * as path from "node:path";
import { readOptions } from "../../audit/options";

const FILE = path.relative("", __filename);

describe("the audit's options", () => {
  it("are read", () => {
    const all = [
      ...["--account", "--json", "--exemptions", FILE, "--endpoint", "http://127.0.0.1:5000"],
      ...["--region", "eu-west-1", "--region", "us-east-1", "--ssh-port", "22"],
      ...["--ssh-port", "2222", "--trusted", "203.0.113.0/24", "--trusted", "pl-0123"],
    ];
    assert.deepEqual(readOptions(all), {
      regions: ["eu-west-1", "us-east-1"],
      format: "json",
      settings: {
        sshPorts: [22, 2222],
        trustedCidrs: ["203.0.113.0/24"],
        trustedLists: ["pl-0123"],
      },
      exemptions: FILE,
      endpoint: "http://127.0.0.1:5000",
    });
  });

  it("are few where little is asked", () => {
    assert.deepEqual(readOptions(["--state", FILE]), {
      state: FILE,
      regions: [],
      format: "table",
      settings: { sshPorts: [22], trustedCidrs: [], trustedLists: [] },
    });
    assert.equal(readOptions(["--account", "--sarif"])?.format, "sarif");
    assert.equal(readOptions(["--help"]), undefined);
  });

  const either = "give either --state FILE or --account: see npm run audit -- --help";
  for (const [args, message] of [
    [[], either],
    [["--state", FILE, "--account"], either],
    [["--state", "x"], "--state x: there is no such file"],
    [["--account", "--exemptions", "none.yaml"], "--exemptions none.yaml: there is no such file"],
    [["--account", "--json", "--sarif"], "give --json or --sarif, not both"],
    [
      ["--state", FILE, "--region", "eu-west-1"],
      "--region: of --account only, a state file has no regions to ask",
    ],
    [
      ["--account", "--ssh-port", "ssh"],
      'configuration of --ssh-port and --trusted: sshPorts is ["ssh"], and must be a list of ports from 0 to 65535, at least one',
    ],
    [
      ["--account", "--trusted", "0.0.0.0/0"],
      'configuration of --ssh-port and --trusted: trustedCidrs is ["0.0.0.0/0"], and must be a list of CIDRs narrower than /1, or prefix list ids, like "203.0.113.0/24"',
    ],
    [
      ["--account", "--endpoint", "http://192.0.2.1:5000"],
      "--endpoint http://192.0.2.1:5000: not on this machine; it has to be a URL such as http://127.0.0.1:5000",
    ],
    [["--nonsense"], "Unknown option '--nonsense'"],
  ] as const) {
    it(`are refused: ${args.join(" ") || "none"}`, () => {
      assert.throws(() => readOptions([...args]), { message });
    });
  }
});
