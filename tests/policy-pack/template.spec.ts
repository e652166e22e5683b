// biome-ignore-all lint/suspicious/noTemplateCurlyInString: CloudFormation's placeholders are text.
import assert from "node:assert/strict";
import type { Props, Resource } from "../../policy-pack/resource";
import { expand, unreadable } from "../../policy-pack/surfaces/template";

const urn = "urn:pulumi:dev::shop::aws:cloudformation/stack:Stack::web";
const PARAMETERS = "urn:where:parameters";
const BODY = "urn:where:body";

function stack(props: Props, type = "aws:cloudformation/stack:Stack"): Resource {
  const deps = { templateBody: [BODY], parameters: [PARAMETERS] };
  return { urn, type, name: "web", props, deps, id: urn, within: "" };
}

/** A resource of the template, as it must come out. */
function inner(name: string, type: string, props: Props, deps: Resource["deps"] = {}): Resource {
  return { urn, type, name, props, deps, id: `${urn}#${name}`, within: `Resources.${name}.` };
}

const ofTemplate = (templateBody: unknown, parameters?: unknown) =>
  expand(stack({ templateBody, parameters }));

/** What becomes of one property, and what it depends on. */
function computed(written: unknown, parameters?: Props): Resource {
  const [found, ...others] = ofTemplate(
    {
      Parameters: {
        Text: { Type: "String", Default: "text" },
        List: { Type: "CommaDelimitedList", Default: "a, b,c" },
        Ports: { Type: "List<Number>", Default: "22,443" },
        Stored: { Type: "AWS::SSM::Parameter::Value<String>", Default: "/ami" },
        Missing: { Type: "String" },
        Typeless: { Default: "text" },
      },
      Mappings: { Sizes: { dev: { cidr: "10.0.0.0/8", ref: ["a"] } } },
      Conditions: {
        Yes: { "Fn::Equals": [{ Ref: "Text" }, "text"] },
        No: { "Fn::Not": [{ Condition: "Yes" }] },
        Open: { "Fn::Equals": [{ Ref: "Missing" }, "text"] },
        Region: { "Fn::Equals": [{ Ref: "AWS::Region" }, "eu-west-1"] },
        Partition: { "Fn::Equals": [{ Ref: "AWS::Partition" }, "aws"] },
        Account: { "Fn::Equals": [{ Ref: "AWS::AccountId" }, "123456789012"] },
        Number: { "Fn::Equals": [1, "1"] },
        Case: { "Fn::Equals": ["a", "A"] },
        Lists: { "Fn::Equals": [{ Ref: "List" }, "a,b,c"] },
        AllKnown: { "Fn::And": [{ Condition: "Yes" }, { Condition: "Yes" }] },
        AllBut: { "Fn::And": [{ Condition: "Yes" }, { Condition: "Open" }] },
        NotAll: { "Fn::And": [{ Condition: "No" }, { Condition: "Open" }] },
        Any: { "Fn::Or": [{ Condition: "Yes" }, { Condition: "Open" }] },
        None: { "Fn::Or": [{ Condition: "No" }, { Condition: "Open" }] },
        Loop: { "Fn::Or": [{ Condition: "Loop" }, { Condition: "No" }] },
        Resource: { "Fn::Equals": [{ Ref: "Other" }, "a"] },
        Strange: { "Fn::Contains": [["a"], "a"] },
      },
      Resources: {
        It: { Type: "AWS::X::Y", Properties: { V: written } },
        Other: { Type: "AWS::X::Z" },
        Third: { Type: "AWS::X::Z" },
      },
    },
    parameters,
  );
  assert.deepEqual(others, [
    inner("Other", "aws-native:x:Z", {}),
    inner("Third", "aws-native:x:Z", {}),
  ]);
  return found as Resource;
}

const known = (v: unknown) => inner("It", "aws-native:x:Y", { v });
const from = (v: unknown, ...ids: string[]) => inner("It", "aws-native:x:Y", { v }, { v: ids });
const absent = inner("It", "aws-native:x:Y", {});
const chosen = (condition: string, ...branches: unknown[]) => ({
  "Fn::If": [condition, ...branches],
});
const ref = (name: string) => ({ Ref: name });
const noValue = ref("AWS::NoValue");
const other = `${urn}#Other`;
const third = `${urn}#Third`;

describe("expand: functions", () => {
  const cases: [name: string, written: unknown, expected: Resource, parameters?: Props][] = [
    ["plain values", { A: [1, true, null, "a"] }, known({ a: [1, true, null, "a"] })],
    ["a value the program does not know", "unknown", from("unknown", BODY)],

    ["Ref: a default", ref("Text"), known("text")],
    ["Ref: a given value", ref("Text"), known("given"), { Text: "given" }],
    ["Ref: a value not known", ref("Text"), from("unknown", PARAMETERS), { Text: "unknown" }],
    ["Ref: neither", ref("Missing"), known("unknown")],
    ["Ref: a list", ref("List"), known(["a", "b", "c"])],
    ["Ref: a list given", ref("List"), known(["x", "y"]), { List: "x,y" }],
    ["Ref: a list of numbers", ref("Ports"), known(["22", "443"])],
    ["Ref: a name in SSM", ref("Stored"), known("unknown")],
    ["Ref: a parameter without a type", ref("Typeless"), known("unknown")],
    ["Ref: a resource", ref("Other"), from("unknown", other)],
    ["Ref: nothing", ref("Nowhere"), known("unknown")],
    ["Ref: __proto__", ref("__proto__"), known("unknown")],
    ["Ref: not a name", ref(["Text"] as never), known("unknown")],
    ["Ref: partition", ref("AWS::Partition"), known("aws")],
    ["Ref: account", ref("AWS::AccountId"), known("unknown")],
    ["Ref: region", ref("AWS::Region"), known("unknown")],
    ["Ref: stack", ref("AWS::StackName"), known("unknown")],
    ["Ref: no value", noValue, absent],
    ["Ref: no value in a list", ["a", noValue, "b"], known(["a", "b"])],
    ["Ref: no value in an object", { A: noValue, B: 1 }, known({ b: 1 })],
    ["Ref beside other keys", { Ref: "Text", A: 1 }, known({ ref: "Text", a: 1 })],

    ["GetAtt: list", { "Fn::GetAtt": ["Other", "Arn"] }, from("unknown", other)],
    ["GetAtt: text", { "Fn::GetAtt": "Other.Outputs.A" }, from("unknown", other)],
    ["GetAtt: nowhere", { "Fn::GetAtt": ["Nowhere", "Arn"] }, known("unknown")],
    ["GetAtt: nonsense", { "Fn::GetAtt": null }, known("unknown")],

    ["Sub: parameter", { "Fn::Sub": "a-${Text}-b" }, known("a-text-b")],
    ["Sub: own names first", { "Fn::Sub": ["${Text}", { Text: "own" }] }, known("own")],
    ["Sub: a name's function", { "Fn::Sub": ["${T}", { T: ref("Text") }] }, known("text")],
    ["Sub: literal", { "Fn::Sub": "${!aws:username}/${Text}" }, known("${aws:username}/text")],
    ["Sub: resource", { "Fn::Sub": "a${Other}" }, from("unknown", other)],
    ["Sub: two resources", { "Fn::Sub": "${Other.Arn}${Third}" }, from("unknown", other, third)],
    ["Sub: one part unknown", { "Fn::Sub": "${Text}/${Missing}" }, known("unknown")],
    ["Sub: nothing to replace", { "Fn::Sub": "$ {} ${" }, known("$ {} ${")],
    ["Sub: a list in it", { "Fn::Sub": "${List}" }, known("unknown")],
    ["Sub: not a text", { "Fn::Sub": { A: 1 } }, known("unknown")],

    ["Join", { "Fn::Join": ["-", ["a", ref("Text"), 1, noValue]] }, known("a-text-1")],
    ["Join: a list parameter", { "Fn::Join": ["/", ref("List")] }, known("a/b/c")],
    ["Join: one unknown", { "Fn::Join": ["", ["a", ref("Other")]] }, from("unknown", other)],
    ["Join: no list", { "Fn::Join": ["", "a"] }, known("unknown")],
    ["Join: no delimiter", { "Fn::Join": [1, ["a", "b"]] }, known("unknown")],
    ["Split", { "Fn::Split": [",", "a,b"] }, known(["a", "b"])],
    ["Split: unknown", { "Fn::Split": [",", ref("Missing")] }, known("unknown")],
    ["Split: no delimiter", { "Fn::Split": ["", "ab"] }, known("unknown")],
    ["Select", { "Fn::Select": ["1", ["a", ref("Text")]] }, known("text")],
    [
      "Select of Split",
      { "Fn::Select": [1, { "Fn::Split": ["|", "a|0.0.0.0/0"] }] },
      known("0.0.0.0/0"),
    ],
    ["Select: beyond", { "Fn::Select": [3, ["a"]] }, known("unknown")],
    ["Select: which is unknown", { "Fn::Select": [ref("Missing"), ["a"]] }, known("unknown")],
    ["Select: zones", { "Fn::Select": [0, { "Fn::GetAZs": "" }] }, known("unknown")],
    ["FindInMap", { "Fn::FindInMap": ["Sizes", "dev", "cidr"] }, known("10.0.0.0/8")],
    ["FindInMap: a list", { "Fn::FindInMap": ["Sizes", "dev", "ref"] }, known(["a"])],
    [
      "FindInMap: a key by Ref",
      { "Fn::FindInMap": ["Sizes", ref("Text"), "cidr"] },
      known("10.0.0.0/8"),
      { Text: "dev" },
    ],
    [
      "FindInMap: region",
      { "Fn::FindInMap": ["Sizes", ref("AWS::Region"), "a"] },
      known("unknown"),
    ],
    [
      "FindInMap: partition",
      { "Fn::FindInMap": ["Sizes", ref("AWS::Partition"), "a", { DefaultValue: "d" }] },
      known("unknown"),
    ],
    [
      "FindInMap: default",
      { "Fn::FindInMap": ["Sizes", "prod", "cidr", { DefaultValue: ref("Text") }] },
      known("text"),
    ],
    ["FindInMap: missing", { "Fn::FindInMap": ["Sizes", "prod", "cidr"] }, known("unknown")],
    ["FindInMap: __proto__", { "Fn::FindInMap": ["__proto__", "toString", "a"] }, known("unknown")],
    ["Base64", { "Fn::Base64": "a" }, known("unknown")],
    ["ImportValue", { "Fn::ImportValue": "a" }, known("unknown")],
    ["Cidr", { "Fn::Cidr": ["10.0.0.0/8", 1, 8] }, known("unknown")],
    ["Transform", { "Fn::Transform": { Name: "AWS::Include" } }, known("unknown")],
    ["a name of Object's", { "Fn::toString": "a" }, known("unknown")],

    ["If: met", chosen("Yes", "a", "b"), known("a")],
    ["If: not met", chosen("No", "a", "b"), known("b")],
    ["If: no value", chosen("No", "a", noValue), absent],
    ["If: undecided", chosen("Open", "a", "b"), known("unknown")],
    ["If: undecided, alike", chosen("Open", ["a"], ["a"]), known(["a"])],
    ["If: undecided, perhaps not there", chosen("Open", "a", noValue), known("unknown")],
    ["If: undecided, never there", chosen("Open", noValue, noValue), absent],
    [
      "If: undecided, refers to nothing",
      chosen("Open", ref("Other"), ref("Third")),
      known("unknown"),
    ],
    ["If: region", chosen("Region", "a", "b"), known("unknown")],
    ["If: partition is not assumed", chosen("Partition", "a", "b"), known("unknown")],
    ["If: account", chosen("Account", "a", "b"), known("unknown")],
    ["If: resource", chosen("Resource", "a", "b"), known("unknown")],
    ["If: number and text", chosen("Number", "a", "b"), known("a")],
    ["If: case counts", chosen("Case", "a", "b"), known("b")],
    ["If: lists", chosen("Lists", "a", "b"), known("unknown")],
    ["If: and", chosen("AllKnown", "a", "b"), known("a")],
    ["If: and unknown", chosen("AllBut", "a", "b"), known("unknown")],
    ["If: and, settled", chosen("NotAll", "a", "b"), known("b")],
    ["If: or, settled", chosen("Any", "a", "b"), known("a")],
    ["If: or unknown", chosen("None", "a", "b"), known("unknown")],
    ["If: needs itself", chosen("Loop", "a", "b"), known("unknown")],
    ["If: another operator", chosen("Strange", "a", "b"), known("unknown")],
    ["If: no such condition", chosen("Nowhere", "a", "b"), known("unknown")],
    ["If: given", chosen("Open", "a", "b"), known("a"), { Missing: "text" }],
    ["If: no branch", chosen("Yes"), known("unknown")],
    ["element: undecided text", ["a", chosen("Open", "b", "c")], known(["a", "unknown"])],
    ["element: undecided, alike", ["a", chosen("Open", "b", "b")], known(["a", "b"])],
    ["element: met", ["a", chosen("Yes", "b", noValue)], known(["a", "b"])],
    ["element: not met", ["a", chosen("No", "b", noValue)], known(["a"])],
    [
      "element: undecided rules are both there perhaps",
      [
        { IpProtocol: "tcp", FromPort: 22, ToPort: 22, CidrIp: "0.0.0.0/0" },
        chosen(
          "Open",
          { IpProtocol: "tcp", FromPort: 443, ToPort: 443, CidrIp: "0.0.0.0/0" },
          { Protocol: "tcp", FromPort: 22 },
        ),
      ],
      known([
        { ipProtocol: "tcp", fromPort: 22, toPort: 22, cidrIp: "0.0.0.0/0" },
        { ipProtocol: "tcp", fromPort: 443, toPort: 443, cidrIp: "unknown" },
        { protocol: "unknown", fromPort: "unknown" },
      ]),
    ],
    [
      "element: undecided statements keep their effect",
      {
        PolicyDocument: { Statement: [chosen("Open", { Effect: "Deny", Action: ["*"] }, noValue)] },
      },
      known({ policyDocument: { Statement: [{ Effect: "Deny", Action: ["unknown"] }] } }),
    ],

    [
      "AWS's policy by Sub",
      { "Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AdministratorAccess" },
      known("arn:aws:iam::aws:policy/AdministratorAccess"),
    ],
    [
      "AWS's policy by Join",
      {
        "Fn::Join": ["", ["arn:", ref("AWS::Partition"), ":iam::aws:policy/AdministratorAccess"]],
      },
      known("arn:aws:iam::aws:policy/AdministratorAccess"),
    ],
    [
      "the account's policy",
      { "Fn::Sub": "arn:aws:iam::${AWS::AccountId}:policy/ops" },
      known("arn:aws:iam::*:policy/ops"),
    ],
    ["the account elsewhere", { "Fn::Sub": "arn:aws:s3:::b-${AWS::AccountId}" }, known("unknown")],
    [
      "the account twice",
      { "Fn::Sub": "arn:aws:iam::${AWS::AccountId}:user/${AWS::AccountId}" },
      known("unknown"),
    ],
    [
      "an ARN's half",
      { "Fn::Sub": "arn:aws:iam::${AWS::AccountId}0:policy/ops" },
      known("unknown"),
    ],
    ["an ARN with a region", { "Fn::Sub": "arn:aws:ec2:${AWS::Region}::x" }, known("unknown")],
  ];
  for (const [name, written, expected, parameters] of cases) {
    it(name, () => assert.deepEqual(computed(written, parameters), expected));
  }
});

describe("expand: names", () => {
  it("names types and properties as aws-native does", () => {
    const types: [string, string][] = [
      ["AWS::EC2::SecurityGroup", "aws-native:ec2:SecurityGroup"],
      ["AWS::EC2::VPC", "aws-native:ec2:Vpc"],
      ["AWS::EC2::EC2Fleet", "aws-native:ec2:Ec2Fleet"],
      ["AWS::EC2::VPCDHCPOptionsAssociation", "aws-native:ec2:VpcdhcpOptionsAssociation"],
      ["AWS::EKS::Nodegroup", "aws-native:eks:Nodegroup"],
      ["AWS::ElasticBeanstalk::Environment", "aws-native:elasticbeanstalk:Environment"],
      ["AWS::Config::ConfigRule", "aws-native:configuration:ConfigRule"],
      ["AWS::Serverless::Function", "aws-native:serverless:Function"],
      ["Custom::Thing", "Custom::Thing"],
      ["AWS::EC2::VPC::MODULE", "AWS::EC2::VPC::MODULE"],
    ];
    const Resources = Object.fromEntries(types.map(([Type], index) => [`R${index}`, { Type }]));
    assert.deepEqual(
      ofTemplate({ Resources }),
      types.map(([, type], index) => inner(`R${index}`, type, {})),
    );
  });

  it("leaves documents, tags and the owner's names as they are", () => {
    const Properties = {
      EC2KeyName: "k",
      CidrIpv6: "::/0",
      ManagedPolicyARNs: ["a"],
      ARN: "a",
      SourceIPs: [{ CIDR: "a" }],
      Tags: [{ Key: "A", Value: "B" }],
      AssumeRolePolicyDocument: { Statement: [{ Effect: "Allow" }] },
      Policies: [{ PolicyName: "p", PolicyDocument: { Statement: { NotAction: "a" } } }],
    };
    assert.deepEqual(ofTemplate({ Resources: { A: { Type: "AWS::X::Y", Properties } } }), [
      inner("A", "aws-native:x:Y", {
        ec2KeyName: "k",
        cidrIpv6: "::/0",
        managedPolicyArns: ["a"],
        arn: "a",
        sourceIps: [{ cidr: "a" }],
        tags: [{ Key: "A", Value: "B" }],
        assumeRolePolicyDocument: { Statement: [{ Effect: "Allow" }] },
        policies: [{ policyName: "p", policyDocument: { Statement: { NotAction: "a" } } }],
      }),
    ]);
  });
});

const bastion = `
AWSTemplateFormatVersion: 2010-09-09
Description: A way in
Parameters:
  Source:
    Type: String
    Default: 0.0.0.0/0
  Env: { Type: String }
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  IsNotProd: !Not [!Condition IsProd]
Resources:
  Bastion:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: !Sub "\${Env} bastion"
      SecurityGroupIngress:
        - IpProtocol: tcp
          FromPort: 22
          ToPort: 22
          CidrIp: !Ref Source
        - !If
          - IsProd
          - { IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0 }
          - !Ref AWS::NoValue
  More:
    Type: AWS::EC2::SecurityGroupIngress
    Condition: IsNotProd
    Properties:
      GroupId: !GetAtt Bastion.GroupId
      IpProtocol: "-1"
      CidrIpv6: ::/0
`;

function bastionGroup(env: string, rules: Props[]): Resource {
  const rule = { ipProtocol: "tcp", fromPort: 22, toPort: 22, cidrIp: "0.0.0.0/0" };
  return inner("Bastion", "aws-native:ec2:SecurityGroup", {
    groupDescription: env,
    securityGroupIngress: [rule, ...rules],
  });
}

describe("expand: templates", () => {
  const tcp22 = { ipProtocol: "tcp", fromPort: 22, toPort: 22 };
  const https = { ipProtocol: "tcp", fromPort: 443, toPort: 443 };
  const more = { groupId: "unknown", ipProtocol: "-1" };

  it("a bastion in production", () => {
    assert.deepEqual(ofTemplate(bastion, { Env: "prod" }), [
      bastionGroup("prod bastion", [{ ...https, cidrIp: "0.0.0.0/0" }]),
    ]);
  });

  it("a bastion elsewhere, by a stack set's list of parameters", () => {
    const parameters = [{ parameterKey: "Env", parameterValue: "dev" }];
    const holder = stack(
      { templateBody: bastion, parameters },
      "aws-native:cloudformation:StackSet",
    );
    assert.deepEqual(expand(holder), [
      bastionGroup("dev bastion", []),
      inner(
        "More",
        "aws-native:ec2:SecurityGroupIngress",
        { ...more, cidrIpv6: "::/0" },
        { groupId: [`${urn}#Bastion`] },
      ),
    ]);
  });

  it("a bastion who knows where: what is there perhaps is not known, and refers to nothing", () => {
    const cases: [parameters: unknown, cidrIp: string][] = [
      [undefined, "0.0.0.0/0"],
      ["unknown", "unknown"],
      [[{ parameterKey: "unknown" }], "unknown"],
    ];
    for (const [parameters, cidrIp] of cases) {
      const [group, rule, ...others] = ofTemplate(bastion, parameters);
      assert.deepEqual(rule, {
        ...inner("More", "aws-native:ec2:SecurityGroupIngress", { ...more, cidrIpv6: "unknown" }),
      });
      assert.deepEqual(others, []);
      assert.deepEqual((group as Resource).props.securityGroupIngress, [
        { ...tcp22, cidrIp },
        {
          ...https,
          cidrIp: "unknown",
        },
      ]);
    }
    const known = [{ parameterKey: "Source", parameterValue: "10.0.0.0/8" }];
    assert.deepEqual((ofTemplate(bastion, known)[0] as Resource).props.securityGroupIngress, [
      { ...tcp22, cidrIp: "10.0.0.0/8" },
      { ...https, cidrIp: "unknown" },
    ]);
  });

  it("users, their policies and groups, as JSON text and as an object", () => {
    const everything = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
    };
    const template = {
      Resources: {
        Bob: {
          Type: "AWS::IAM::User",
          Properties: {
            UserName: "bob",
            ManagedPolicyArns: [
              { "Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/IAMFullAccess" },
              { Ref: "Ops" },
            ],
          },
        },
        Ops: {
          Type: "AWS::IAM::ManagedPolicy",
          Properties: { PolicyDocument: everything, Groups: [{ Ref: "Admins" }] },
        },
        Admins: { Type: "AWS::IAM::Group" },
        Inline: {
          Type: "AWS::IAM::Policy",
          Properties: { PolicyName: "p", PolicyDocument: everything, Users: [{ Ref: "Bob" }] },
        },
        Adds: {
          Type: "AWS::IAM::UserToGroupAddition",
          Properties: { GroupName: { Ref: "Admins" }, Users: ["alice", { Ref: "Bob" }] },
        },
      },
    };
    const expected = [
      inner(
        "Bob",
        "aws-native:iam:User",
        {
          userName: "bob",
          managedPolicyArns: ["arn:aws:iam::aws:policy/IAMFullAccess", "unknown"],
        },
        { managedPolicyArns: [`${urn}#Ops`] },
      ),
      inner(
        "Ops",
        "aws-native:iam:ManagedPolicy",
        { policyDocument: everything, groups: ["unknown"] },
        { groups: [`${urn}#Admins`] },
      ),
      inner("Admins", "aws-native:iam:Group", {}),
      inner(
        "Inline",
        "aws-native:iam:Policy",
        { policyName: "p", policyDocument: everything, users: ["unknown"] },
        { users: [`${urn}#Bob`] },
      ),
      inner(
        "Adds",
        "aws-native:iam:UserToGroupAddition",
        { groupName: "unknown", users: ["alice", "unknown"] },
        { groupName: [`${urn}#Admins`], users: [`${urn}#Bob`] },
      ),
    ];
    assert.deepEqual(ofTemplate(template), expected);
    assert.deepEqual(ofTemplate(JSON.stringify(template)), expected);
    assert.deepEqual(ofTemplate(JSON.stringify(template, undefined, "\t")), expected);
  });

  it("a policy under a condition keeps only what says whether it matters", () => {
    const Statement = [
      { Effect: "Allow", Action: ["*"], Resource: "*" },
      { Effect: "Deny", NotAction: "s3:*", NotResource: "a", Condition: { Bool: { a: "b" } } },
    ];
    const Properties = { Users: ["bob", { Ref: "Bob" }], PolicyDocument: { Statement } };
    const template = {
      Conditions: { Maybe: { "Fn::Equals": [{ Ref: "AWS::Region" }, "eu-west-1"] } },
      Resources: {
        P: { Type: "AWS::IAM::Policy", Condition: "Maybe", Properties },
        Bob: { Type: "AWS::IAM::User" },
      },
    };
    assert.deepEqual(ofTemplate(template), [
      inner("P", "aws-native:iam:Policy", {
        users: ["unknown", "unknown"],
        policyDocument: {
          Statement: [
            { Effect: "Allow", Action: ["unknown"], Resource: "*" },
            {
              Effect: "Deny",
              NotAction: "unknown",
              NotResource: "a",
              Condition: { Bool: { a: "unknown" } },
            },
          ],
        },
      }),
      inner("Bob", "aws-native:iam:User", {}),
    ]);
  });

  it("every short tag", () => {
    const yaml = `
Parameters: { A: { Type: String, Default: "a,b" } }
Mappings: { M: { K: { V: found } } }
Conditions: { C: !And [!Not [!Equals [a, b]], !Or [!Equals [a, a], !Equals [a, b]]] }
Resources:
  R:
    Type: AWS::X::Y
    Properties:
      Ref: !Ref A
      Sub: !Sub ["\${X}", { X: !Ref A }]
      Join: !Join ["-", [a, b]]
      Select: !Select [1, !Split [",", !Ref A]]
      Find: !FindInMap [M, K, V]
      If: !If [C, yes, no]
      Att: !GetAtt R.Arn
      Base: !Base64 a
      Import: !ImportValue a
      Zones: !GetAZs ""
      Cidr: !Cidr [10.0.0.0/8, 1, 8]
      Include: !Transform { Name: "AWS::Include" }
      Date: 2012-10-17
`;
    const expected = inner(
      "R",
      "aws-native:x:Y",
      {
        ref: "a,b",
        sub: "a,b",
        join: "a-b",
        select: "b",
        find: "found",
        if: "yes",
        att: "unknown",
        base: "unknown",
        import: "unknown",
        zones: "unknown",
        cidr: "unknown",
        include: "unknown",
        date: "2012-10-17",
      },
      { att: [`${urn}#R`] },
    );
    assert.deepEqual(ofTemplate(yaml), [expected]);
    assert.equal(unreadable(stack({ templateBody: yaml })), undefined);
  });

  it("a template in a template", () => {
    const inside = { Resources: { A: { Type: "AWS::IAM::User" } } };
    const holder = stack({
      templateBody: {
        Parameters: { P: { Type: "String", Default: "unknown" } },
        Resources: {
          Nested: { Type: "AWS::CloudFormation::Stack", Properties: { TemplateURL: "https://a" } },
          Set: {
            Type: "AWS::CloudFormation::StackSet",
            Properties: {
              TemplateBody: inside,
              Parameters: [{ ParameterKey: "K", ParameterValue: "V" }],
            },
          },
        },
      },
    });
    const [nested, set] = expand(holder) as [Resource, Resource];
    assert.equal(unreadable(nested), "templateUrl is not read: its content is on S3");
    assert.deepEqual(set.props.parameters, [{ ParameterKey: "K", ParameterValue: "V" }]);
    assert.deepEqual(expand(set), [
      {
        ...inner("A", "aws-native:iam:User", {}),
        id: `${urn}#Set#A`,
        within: "Resources.Set.Resources.A.",
      },
    ]);
  });
});

describe("expand: one resource in another", () => {
  const group = {
    SecurityGroupIngress: [{ IpProtocol: "tcp", FromPort: 22, ToPort: 22, CidrIp: "0.0.0.0/0" }],
  };
  const props = {
    securityGroupIngress: [{ ipProtocol: "tcp", fromPort: 22, toPort: 22, cidrIp: "0.0.0.0/0" }],
  };

  it("Cloud Control: it is the holder under another type", () => {
    const type = "aws:cloudcontrol/resource:Resource";
    const desiredState = JSON.stringify(group);
    const holder = stack({ typeName: "AWS::EC2::SecurityGroup", desiredState }, type);
    const within = "desiredState.";
    assert.deepEqual(expand(holder), [
      { ...holder, type: "aws-native:ec2:SecurityGroup", props, deps: {}, within },
    ]);
  });

  it("an extension, with what it does not know", () => {
    const properties = { ...group, VpcId: "unknown" };
    const type = "aws-native:index:ExtensionResource";
    const holder = {
      ...stack({ type: "AWS::EC2::SecurityGroup", properties }, type),
      deps: { properties: ["urn:vpc"], type: ["urn:no"] },
    };
    assert.deepEqual(expand(holder), [
      {
        ...holder,
        type: "aws-native:ec2:SecurityGroup",
        props: { ...props, vpcId: "unknown" },
        deps: { vpcId: ["urn:vpc"] },
        within: "properties.",
      },
    ]);
  });

  it("nothing in others", () => {
    for (const type of ["aws:ec2/securityGroup:SecurityGroup", "toString", "__proto__"]) {
      const holder = stack({ templateBody: bastion, templateUrl: "a" }, type);
      assert.deepEqual([expand(holder), unreadable(holder)], [[], undefined]);
    }
  });
});

const MEGABYTE = 1_048_576;
const withValue = (a: unknown) => ({ Resources: { A: { Type: "AWS::X::Y", Properties: { a } } } });
const bomb = [..."123456789"].reduce(
  (text, n) => `${text}B${n}: &b${n} [${`*b${Number(n) - 1},`.repeat(20)}]\n`,
  "B0: &b0 [x]\n",
);
const conditions = [..."123456789"].reduce(
  (text, n) => `${text}C${n}: &c${n} {"Fn::And": [${`*c${Number(n) - 1},`.repeat(20)}]}\n`,
  "C0: &c0 {Condition: Nowhere}\n",
);

describe("unreadable", () => {
  const cases: [name: string, props: Props, why: string | undefined, left?: string[]][] = [
    ["a readable template", { templateBody: withValue(1) }, undefined, ["A"]],
    ["a URL", { templateUrl: "https://a" }, "templateUrl is not read: its content is on S3"],
    ["neither", {}, "templateBody is missing"],
    ["null", { templateBody: null }, "templateBody is missing"],
    ["unknown", { templateBody: "unknown" }, "templateBody is not known before deployment"],
    ["a number", { templateBody: 5 }, "templateBody holds no object"],
    ["a list", { templateBody: "[1]" }, "templateBody holds no object"],
    ["empty", { templateBody: "" }, "templateBody holds no object"],
    ["no resources", { templateBody: "{}" }, "templateBody has no Resources that can be read"],
    [
      "unknown resources",
      { templateBody: { Resources: "unknown" } },
      "templateBody has no Resources that can be read",
    ],
    [
      "broken",
      { templateBody: '{"Resources":' },
      "templateBody cannot be parsed: unexpected end of the stream within a flow collection (2:1)",
    ],
    [
      "a key twice",
      { templateBody: "Resources: {}\nResources: {}" },
      "templateBody cannot be parsed: duplicated mapping key (2:1)",
    ],
    [
      "more than 1 MB",
      { templateBody: " ".repeat(MEGABYTE + 1) },
      "templateBody is longer than 1 MB",
    ],
    [
      "as deep as it is long",
      { templateBody: "[".repeat(MEGABYTE) },
      "templateBody cannot be parsed: nesting exceeded maxDepth (100) (1:100)",
    ],
    [
      "deep JSON, beside a resource that is read",
      {
        templateBody: `{"Resources":{"A":{"Type":"AWS::X::Y","Properties":{"a":${"[".repeat(9000)}${"]".repeat(9000)}}},"B":{"Type":"AWS::X::Y"}}}`,
      },
      "Resources.A cannot be read: it is nested more than 64 levels deep",
      ["B"],
    ],
    [
      "aliases that multiply, beside a resource that is read",
      {
        templateBody: `${bomb}Resources: {A: {Type: "AWS::X::Y", Properties: {a: *b9}}, B: {Type: "AWS::X::Y"}}`,
      },
      "Resources.A cannot be read: it is too long when it is written out",
      ["B"],
    ],
    [
      "aliases where a name should be",
      {
        templateBody: `${bomb}Parameters: {P: {Type: *b9, Default: *b9}}
Conditions: {C: *b9, D: {"Fn::And": *b9}}
Transform: [*b9]
Resources:
  A: {Type: *b9}
  B: {Type: "AWS::X::Y", Condition: *b9, Properties: {a: !GetAtt [*b9, *b9], b: !Ref P, c: !Ref [*b9]}}
  C: {Type: "AWS::X::Y", Condition: C}
  D: {Type: "AWS::X::Y", Condition: D}`,
      },
      "what the transform of type object adds is not read: deployment runs it; Resources.A cannot be read: its Type is not known",
      ["B", "C", "D"],
    ],
    [
      "conditions that multiply: the resource is there perhaps",
      {
        templateBody: `${conditions}Conditions: {A: *c9}
Resources: {A: {Type: "AWS::X::Y", Condition: A}, B: {Type: "AWS::X::Y", Condition: A}}`,
      },
      "Resources.A cannot be read: it is too long when it is written out",
      ["B"],
    ],
    [
      "a text that multiplies",
      {
        templateBody: {
          Parameters: { P: { Type: "String", Default: "x".repeat(MEGABYTE / 4) } },
          ...withValue({ "Fn::Sub": "${P}".repeat(9000) }),
        },
      },
      "Resources.A cannot be read: it is too long when it is written out",
    ],
    [
      "a literal that multiplies",
      { templateBody: withValue(Array(9000).fill({ "Fn::Sub": "x".repeat(MEGABYTE / 4) })) },
      "Resources.A cannot be read: it is too long when it is written out",
    ],
    [
      "a list that multiplies",
      {
        templateBody: {
          Parameters: { P: { Type: "CommaDelimitedList", Default: ",".repeat(MEGABYTE / 4) } },
          ...withValue(Array(9000).fill({ Ref: "P" })),
        },
      },
      "Resources.A cannot be read: it is too long when it is written out",
    ],
    [
      "half-open placeholders",
      { templateBody: withValue({ "Fn::Sub": "${".repeat(500_000) }) },
      undefined,
      ["A"],
    ],
    [
      "macros",
      { templateBody: { Transform: ["AWS::Serverless-2016-10-31", "Mine"], ...withValue(1) } },
      "what the transform Mine adds is not read: deployment runs it",
      ["A"],
    ],
    [
      "includes",
      { templateBody: withValue({ b: 1, "Fn::Transform": { Name: "AWS::Include" } }) },
      "what Fn::Transform adds to Resources.A is not read: deployment runs it",
      ["A"],
    ],
    [
      "loops, and resources that are none",
      {
        templateBody: {
          Resources: {
            "Fn::ForEach::Users": ["U", ["a"], {}],
            '"\n': { Type: "unknown" },
            P: { Type: "AWS::X::Y", Properties: "unknown" },
            ...Object.fromEntries([1, 2, 3].map((n) => [`N${n}`, null])),
          },
        },
      },
      'Resources.Fn::ForEach::Users cannot be read: its Type is not known; Resources."\\"\\n" cannot be read: its Type is not known; Resources.P cannot be read: its Properties are not known; 3 more like these',
    ],
  ];
  for (const [name, props, why, left = []] of cases) {
    it(name, () => {
      const holder = stack(props);
      const names = expand(holder).map((one) => one.name);
      assert.deepEqual([unreadable(holder), names], [why, left]);
    });
  }

  it("says what it misses of Cloud Control and extensions", () => {
    const reasons = [
      stack({ typeName: "unknown", desiredState: "{}" }, "aws:cloudcontrol/resource:Resource"),
      stack({ typeName: "A", desiredState: "unknown" }, "aws:cloudcontrol/resource:Resource"),
      stack({ type: "A" }, "aws-native:index:ExtensionResource"),
      stack({ properties: {} }, "aws-native:index:ExtensionResource"),
    ].map((holder) => [expand(holder), unreadable(holder)]);
    assert.deepEqual(reasons, [
      [[], "typeName is not known before deployment"],
      [[], "desiredState is not known before deployment"],
      [[], "properties is missing"],
      [[], "type is not known before deployment"],
    ]);
  });

  it("is not misled by the names of Object's own", () => {
    const templateBody = `{"Resources":{"__proto__":{"Type":"AWS::X::Y","Properties":{
      "__proto__":{"a":{"Ref":"__proto__"}},"constructor":{"Ref":"toString"}}}}}`;
    const props = JSON.parse('{"__proto__":{"a":"unknown"},"constructor":"unknown"}');
    const deps = JSON.parse(`{"__proto__":["${urn}#__proto__"]}`);
    assert.deepEqual(ofTemplate(templateBody), [inner("__proto__", "aws-native:x:Y", props, deps)]);
    assert.equal(({} as Props).a, undefined);
  });
});
