import type { Step } from "./plan";
import type { Eye } from "./present";

/** What came of a step. `kept`: not made, since a step that it hangs on failed. */
export interface Outcome {
  step: Step;
  outcome: "done" | "there" | "failed" | "kept";
  /** The error's name and message, or why it was kept. */
  because?: string;
}

/**
 * The errors that say that it is as before already.
 * Source: the "Errors" sections of the IAM API reference, and EC2's "Error codes".
 */
const THERE =
  /^(EntityAlreadyExists(Exception)?|InvalidPermission\.Duplicate|Invalid(NetworkAclEntry|SecurityGroupRuleId)\.NotFound)$/;

/** Makes the call of a step, with the operator's own credentials. Errors of the SDK go up untouched. */
export async function send({ iam, iamSdk, ec2, ec2Sdk, shelf }: Eye, step: Step): Promise<void> {
  const [service, action] = step.call.split(":");
  const [sdk, client] =
    service === "ec2" ? [ec2Sdk, ec2] : service === "s3" ? [shelf.sdk, shelf.s3] : [iamSdk, iam];
  const Command = (sdk as unknown as Record<string, new (input: object) => unknown>)[
    `${action}Command`
  ];
  if (!Command) throw new Error(`the AWS SDK has no call ${step.call}`);
  await (client as unknown as { send(command: unknown): Promise<unknown> }).send(
    new Command(step.input),
  );
}

/**
 * Makes the steps one after the other, and tells each outcome as it comes. A step that fails does
 * not stop the others, but what denies stays on its subject then.
 */
export async function apply(
  steps: Step[],
  make: (step: Step) => Promise<void>,
  tell: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    const outcome = await outcomeOf(step, outcomes, make);
    outcomes.push(outcome);
    tell(outcome);
  }
  return outcomes;
}

/**
 * What denies stays until the rest is back, and what stands in the place of rules until these are; the
 * calls on a network ACL are one after the other.
 */
function hangsOn({ kind, subject, call }: Step, earlier: Step): boolean {
  const isSame = earlier.subject === subject;
  if (kind === "replacements") return isSame && earlier.kind === "rules";
  if (kind === "deny" || kind === "boundary") return isSame;
  if (kind !== "network-acls" || earlier.kind !== kind) return false;
  return isSame || call.startsWith("s3:");
}

async function outcomeOf(
  step: Step,
  earlier: Outcome[],
  make: (step: Step) => Promise<void>,
): Promise<Outcome> {
  const failed = earlier.find(
    ({ outcome, step: one }) => (outcome === "failed" || outcome === "kept") && hangsOn(step, one),
  );
  if (failed) {
    return { step, outcome: "kept", because: `${failed.step.item} did not come back` };
  }
  try {
    await make(step);
    return { step, outcome: "done" };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    if (THERE.test(name)) return { step, outcome: "there" };
    return { step, outcome: "failed", because: `${name}: ${message}` };
  }
}
