/** The consoles' hosts, by the partition of an ARN. */
const HOSTS: Record<string, string> = {
  aws: "console.aws.amazon.com",
  "aws-cn": "console.amazonaws.cn",
  "aws-us-gov": "console.amazonaws-us-gov.com",
};

/**
 * Where the console of Step Functions shows a state machine or an execution.
 *
 * @returns undefined in a partition whose console is not known here.
 * Source: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-view-execution-details.html
 */
export function consoleLink(arn: string): string | undefined {
  const [, partition = "", , region, , kind] = arn.split(":");
  const host = HOSTS[partition];
  if (!host) return undefined;
  const page = kind === "stateMachine" ? "statemachines/view" : "v2/executions/details";
  return `https://${region}.${host}/states/home?region=${region}#/${page}/${encodeURIComponent(arn)}`;
}
