// biome-ignore-all lint/suspicious/noTemplateCurlyInString: scenarios have placeholders of their own
import assert from "node:assert/strict";
import path from "node:path";
import {
  loadScenario,
  readScenario,
  ScenarioFileError,
  scenarioFiles,
  substitute,
} from "../../drill/scenario";

const fixtures = path.join(__dirname, "..", "fixtures", "scenarios");

function mistakesIn(text: string): string[] {
  try {
    readScenario("x.yaml", text);
  } catch (error) {
    assert.ok(error instanceof ScenarioFileError);
    return error.mistakes;
  }
  return [];
}

describe("loadScenario", () => {
  it("reads what a person hands to the state machine himself", () => {
    const text = 'name: x\nattack:\n  - start: { user: "${account}" }\nexpect: {}\n';
    assert.deepEqual(readScenario("x.yaml", text).attack, [
      { kind: "event", event: { user: "${account}" }, start: true, when: "start" },
    ]);
    assert.deepEqual(mistakesIn(text.replace("${account}", "${bob}")), [
      'x.yaml:3:14 attack[0].start.user: no earlier call saves "bob"; known here: vpc, subnet, account, region',
    ]);
    assert.deepEqual(mistakesIn(text.replace('{ user: "${account}" }', "bob")), [
      'x.yaml:3:5 attack[0].start: a map of keys is needed, got "bob"',
    ]);
  });

  it("reads every key, with what is left out filled in", () => {
    const scenario = loadScenario(path.join(fixtures, "sound", "fresh-key.yaml"));
    assert.equal(scenario.name, "a fresh key");
    assert.deepEqual(scenario.settings, { mode: "enforce" });
    assert.match(JSON.stringify(scenario.exemptions), /"expires":"2099-01-01"/);
    assert.deepEqual(scenario.given[1], {
      kind: "call",
      service: "iam",
      action: "CreateAccessKey",
      input: { UserName: "${user}" },
      as: "owner",
      login: "bob",
      save: {},
      when: "start",
      mayFail: false,
    });
    assert.deepEqual(scenario.attack[1], {
      kind: "event",
      event: {
        eventSource: "iam.amazonaws.com",
        eventName: "ListUsers",
        userIdentity: { type: "Root" },
      },
      when: "start",
    });
    assert.equal(scenario.attack[2]?.when, "first-cut");
    assert.deepEqual(scenario.faults, [
      { service: "iam", action: "ListAccessKeys", times: 2, after: 1, code: "Throttling" },
      {
        service: "iam",
        action: "GetUser",
        times: 1,
        code: "NoAnswer",
        status: 503,
        answer: "none",
        by: "tourniquet-lab-StripAccount",
      },
    ]);
    assert.deepEqual([scenario.answerDelayMs, scenario.lambdaClock], [20, 2]);
    assert.equal(scenario.repeat, true);
    assert.deepEqual([scenario.iamDelayMs, scenario.trailDelayMs], [300, 0]);
    assert.deepEqual(scenario.expect.decisions, ["EmergencyActionAccount", "Ignore"]);
    assert.deepEqual(scenario.expect.state[1]?.want, { absent: true });
    assert.deepEqual(scenario.expect.denied, [
      { service: "iam", action: "ListUsers", input: {}, as: "bob" },
    ]);
    assert.equal(scenario.expect.allowed[0]?.as, "owner");
    assert.deepEqual(scenario.expect.messages, ["contained CreateAccessKey", "${key}"]);
  });

  it("names file, line, column and key of every mistake at once", () => {
    const file = path.join(fixtures, "broken", "many-mistakes.yaml");
    assert.throws(
      () => loadScenario(file),
      (error: ScenarioFileError) => {
        const told = error.mistakes.map((mistake) => mistake.replace(`${file}:`, ""));
        assert.deepEqual(
          told.map((mistake) => mistake.split(/: /).slice(0, 2).join(": ")),
          [
            "2:1 setings: no such key; known here",
            '4:5 given[0].call: iam has no call "CreatUser"',
            "8:5 given[1].when: what is given comes before the attack; it has no `when`",
            '11:5 attack[0].as: no earlier call logs in as "mallory"; known here',
            '12:14 attack[0].input.UserName: no earlier call saves "usr"; known here',
            '13:13 attack[0].save.key: "AccessKey[" is not JMESPath',
            '14:5 attack[1].event: "nowhere.json" cannot be read as JSON',
            "17:7 expect.state[0]: exactly one of is, contains, lacks, absent is needed, got is, lacks",
            '20:3 expect.ends: EndState or Failed is needed, got "never"',
          ],
        );
        return true;
      },
    );
  });

  const cases: [name: string, text: string, mistake: RegExp][] = [
    ["not YAML", "name: [x\nattack: []", /^x\.yaml:\d+:\d+ /],
    ["a key twice", "name: x\nname: y\nattack: []\nexpect: {}", /^x\.yaml:2:1 .*unique/],
    ["not a map", "- name", /^x\.yaml:1:1 a map of keys is needed/],
    ["empty", "", /^x\.yaml:1:1 a map of keys is needed, got null/],
    ["no name", "attack: []\nexpect: {}", /^x\.yaml:1:1 name: is missing/],
    [
      "no such service",
      call("eks:CreateCluster"),
      /attack\[0\]\.call: "eks" is none of the services/,
    ],
    [
      "an event after each cut",
      "name: x\nattack:\n  - { event: { a: 1 }, when: each-cut }\nexpect: {}",
      /x\.yaml:3:24 attack\[0\]\.when: only a call can come after each cut/,
    ],
    ["no action", call("iam"), /"iam" is not a call such as iam:CreateUser/],
    ["a list for a map", `${call("iam:ListUsers")}\nsettings: []`, /x\.yaml:4:1 settings: a map/],
    ["a map for a list", "name: x\nattack: {}\nexpect: {}", /x\.yaml:2:1 attack: a list is needed/],
    ["a text for a flag", `${call("iam:ListUsers")}\nrepeat: often`, /repeat: true or false/],
    [
      "a text for a time",
      `${call("iam:ListUsers")}\niamDelayMs: soon`,
      /x\.yaml:4:1 iamDelayMs: a whole number from 0 is needed, got "soon"/,
    ],
    [
      "a time before now",
      `${call("iam:ListUsers")}\ntrailDelayMs: -1`,
      /x\.yaml:4:1 trailDelayMs: a whole number from 0 is needed, got -1/,
    ],
  ];
  for (const [name, text, mistake] of cases) {
    it(`refuses: ${name}`, () => assert.match(mistakesIn(text)[0] ?? "no mistake", mistake));
  }

  it("leaves IAM's policy variables alone", () => {
    const text = `${call("iam:ListUsers")}
given: [{ call: iam:CreateUser, input: { UserName: "\${aws:username}" } }]`;
    assert.deepEqual(mistakesIn(text), []);
  });
});

function call(name: string): string {
  return `name: x\nattack: [{ call: "${name}" }]\nexpect: {}`;
}

describe("substitute", () => {
  it("keeps the type of a value that is all of the text, and fills in texts around it", () => {
    const names = { ids: ["a", "b"], port: 22, group: "sg-1", "new-key": "AKIA" };
    assert.deepEqual(
      substitute(
        { all: "${ids}", n: "${port}", arn: "x/${group}/${new-key}", keep: "${aws:username}" },
        names,
      ),
      { all: ["a", "b"], n: 22, arn: "x/sg-1/AKIA", keep: "${aws:username}" },
    );
  });
});

describe("scenarioFiles", () => {
  it("finds the files of a folder by name, and takes a file as it is", () => {
    const sound = path.join(fixtures, "sound", "fresh-key.yaml");
    const broken = path.join(fixtures, "broken", "many-mistakes.yaml");
    assert.deepEqual(scenarioFiles([fixtures]), [broken, sound]);
    assert.deepEqual(scenarioFiles([sound, fixtures]), [sound, broken]);
  });

  it("says when there is nothing", () => {
    assert.throws(() => scenarioFiles(["nowhere"]), /no scenario at "nowhere"/);
    assert.throws(() => scenarioFiles([__dirname]), /it holds no \.yaml file/);
  });
});
