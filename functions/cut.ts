import type { Action, Mode } from "./case";
import { isRestorable } from "./restorable";

/** Makes one changing call, or notes that it would; never throws. Answers what came of it. */
export type Cut = (
  call: string,
  subject: string,
  command: { input: object },
  send: () => Promise<unknown>,
) => Promise<Action["outcome"]>;

/**
 * The errors that say that there is nothing left to take away.
 * Source: the "Errors" sections of the IAM, EC2 and Secrets Manager API references. The SDK names
 * IAM's NoSuchEntity with the suffix Exception.
 */
const GONE =
  /^(NoSuchEntity(Exception)?|ResourceNotFoundException|Invalid(Group|GroupId|Permission|SecurityGroupRuleId|NetworkAclID|NetworkAclEntry)\.NotFound)$/;

/**
 * Sources: IAM API Reference, AttachUserPolicy, Errors (the SDK adds the suffix);
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
const FULL =
  /^(LimitExceeded(Exception)?|NetworkAclEntryLimitExceeded|RulesPerSecurityGroupLimitExceeded)$/;

/**
 * Calls that take one named thing off, and could not do it twice. At a later try of the SDK it is not
 * there because an earlier one, whose answer was lost, has taken it. A revocation of several rules is
 * none of them: one that is missing keeps all the others, so there a look has to follow.
 * Source: EC2 API Reference, RevokeSecurityGroupIngress,
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html
 */
const TAKES_ONE = /^(iam:(Detach|Delete|Remove|Deactivate)\w+|ec2:DeleteNetworkAclEntry)$/;

/** What was thrown, in words. */
export function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** Is this the error of a subject that is not there (any more, or yet)? */
export function isGone(error: unknown): boolean {
  return error instanceof Error && GONE.test(error.name);
}

/**
 * One pass's hand: every changing call goes through it, so that one failing call never stops the
 * others, and `observe` differs from `enforce` in this place alone.
 *
 * @param actions receives every call with its outcome.
 * @param earlier what earlier passes did: in `observe` nothing changes, so a pass would report a
 *   call of an earlier one again.
 */
export function cutting(mode: Mode, actions: Action[], earlier: Action[] = []): Cut {
  return async (call, subject, command, send) => {
    const input = command.input as Record<string, unknown>;
    const note = (outcome: Action["outcome"], error?: string) => {
      const at = new Date().toISOString();
      const lasting = isRestorable(call) ? {} : { restorable: false as const };
      actions.push({ call, subject, input, outcome, at, ...(error && { error }), ...lasting });
      return outcome;
    };
    if (mode === "observe") {
      const same = (one: Action) =>
        one.call === call && JSON.stringify(one.input) === JSON.stringify(input);
      return [...earlier, ...actions].some(same) ? "would" : note("would");
    }
    try {
      await send();
      return note("done");
    } catch (error) {
      return note(outcomeOf(call, error), textOf(error).slice(0, 500));
    }
  };
}

function outcomeOf(call: string, error: unknown): Action["outcome"] {
  if (isGone(error)) return TAKES_ONE.test(call) && triesOf(error) > 1 ? "done" : "gone";
  return error instanceof Error && FULL.test(error.name) ? "full" : "failed";
}

/**
 * How often the SDK had sent the call, by its answer or its error.
 * Source: ResponseMetadata.attempts,
 * https://docs.aws.amazon.com/AWSJavaScriptSDK/v3/latest/Package/-smithy-types/Interface/ResponseMetadata/
 */
export function triesOf(answer: unknown): number {
  return (answer as { $metadata?: { attempts?: number } } | undefined)?.$metadata?.attempts ?? 1;
}
