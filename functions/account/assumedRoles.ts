import { type RoleSettings, roleLeftAlone } from "../../events/role";
import { exemptionFor } from "../../rulebook/exemptions";
import { type Case, joined, type Pass } from "../case";
import { textOf } from "../cut";
import { sideBySide } from "../sideBySide";
import { containRole } from "./role";
import type { AssumedRole } from "./roleSessions";
import type { AccountHand } from "./user";

/** A role, and the contained user who has sessions of it. */
export interface Assumed {
  user: string;
  role: AssumedRole;
}

/**
 * Contains the roles of which contained users have sessions: by `containRoles`, since everybody who
 * uses such a role stands still with him. AWSDenyAll on the role denies its sessions at once.
 *
 * A role that is a subject of the case already is left to the pass of that subject. One that cannot
 * be looked at becomes a subject all the same, so that the next look finds it open.
 */
export async function containAssumed(
  hand: AccountHand,
  assumed: Assumed[],
  { subjects }: Case,
  settings: RoleSettings,
): Promise<Pass> {
  const names = subjects.flatMap((one) => (one.kind === "role" ? [one.name] : []));
  const each = assumed.filter(
    ({ role }, index) => assumed.findIndex((one) => one.role.arn === role.arn) === index,
  );
  return joined(
    await sideBySide(each, async ({ user, role }): Promise<Pass> => {
      const why = sparedFor(role, hand, settings);
      if (!why) return names.includes(role.role) ? {} : contained(hand, role.role);
      const words = `was not contained, although user ${user}, who is contained, had assumed it`;
      return { alerts: [`Role ${role.role} ${words}: ${why}`] };
    }),
  );
}

/** An exemption permits a role to be an admin: a person decides about its sessions, and hears of it. */
function sparedFor(
  { role, arn, isOwn }: AssumedRole,
  { settings: { exemptions } }: AccountHand,
  settings: RoleSettings,
): string | undefined {
  if (!isOwn) return `${arn} is another account's`;
  const now = new Date().toISOString();
  const { exemption } = exemptionFor(exemptions, "admin-user", [`role/${role}`, arn], now);
  if (exemption) return `it is exempt until ${exemption.expires} by ${exemption.owner}`;
  return roleLeftAlone({ name: role, proved: false }, "", settings)?.why;
}

async function contained(hand: AccountHand, name: string): Promise<Pass> {
  try {
    return withoutTexts(
      await containRole(hand, { kind: "role", name, proved: false, caller: true }),
    );
  } catch (error) {
    return {
      subjects: [{ kind: "role", name }],
      open: [`role ${name} could not be looked at: ${textOf(error)}`],
      notes: [
        `The look at role ${name} failed, so the case lacks its state before: ${textOf(error)}`,
      ],
    };
  }
}

/**
 * Nothing but AWSDenyAll is changed at such a role, so none of its documents has to be given back;
 * those of many roles would not fit into an execution's state, which holds 256 KB.
 * Source: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
function withoutTexts({ subjects = [], ...rest }: Pass): Pass {
  return {
    ...rest,
    subjects: subjects.map((one) => {
      if (one.kind !== "role" || !one.before) return one;
      const inline = one.before.inline.map(({ name }) => ({ name, document: "" }));
      return { ...one, before: { ...one.before, inline, documents: [] } };
    }),
  };
}
