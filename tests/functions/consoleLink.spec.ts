import assert from "node:assert/strict";
import { consoleLink } from "../../functions/consoleLink";

const cases: [arn: string, link: string | undefined][] = [
  [
    "arn:aws:states:us-east-1:123456789012:execution:lab:e-1",
    "https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/arn%3Aaws%3Astates%3Aus-east-1%3A123456789012%3Aexecution%3Alab%3Ae-1",
  ],
  [
    "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:lab",
    "https://cn-north-1.console.amazonaws.cn/states/home?region=cn-north-1#/statemachines/view/arn%3Aaws-cn%3Astates%3Acn-north-1%3A123456789012%3AstateMachine%3Alab",
  ],
  [
    "arn:aws-us-gov:states:us-gov-west-1:123456789012:stateMachine:lab",
    "https://us-gov-west-1.console.amazonaws-us-gov.com/states/home?region=us-gov-west-1#/statemachines/view/arn%3Aaws-us-gov%3Astates%3Aus-gov-west-1%3A123456789012%3AstateMachine%3Alab",
  ],
  ["arn:aws-iso:states:us-iso-east-1:123456789012:stateMachine:lab", undefined],
];

describe("consoleLink", () => {
  for (const [arn, link] of cases) {
    it(`is ${link ? "the partition's own" : "none"} for ${arn}`, () => {
      assert.equal(consoleLink(arn), link);
    });
  }
});
