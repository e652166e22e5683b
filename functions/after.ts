import type { Look } from "./account/look";
import type { RoleLook } from "./account/role";

/** A name without what it stands for: a case has documents as they were before, and no others. */
interface Named {
  name: string;
}

/** A user as the last look saw him. */
export type UserAfter = Omit<Look, "inline" | "groups" | "documents"> & {
  inline: Named[];
  groups: Named[];
};

/** A role as the last look saw it. */
export type RoleAfter = Omit<RoleLook, "inline" | "documents"> & { inline: Named[] };

/** A user's or role's state after; `gone`: there is none of that name (any more). */
export type OrGone<After> = After | "gone";

/** A user's look as a case keeps it beside the one before. */
export function userAfter(look: Look | undefined): OrGone<UserAfter> {
  if (!look) return "gone";
  const { documents: _, ...rest } = look;
  return { ...rest, inline: look.inline.map(named), groups: look.groups.map(named) };
}

/** A role's look as a case keeps it beside the one before. */
export function roleAfter(look: RoleLook | undefined): OrGone<RoleAfter> {
  if (!look) return "gone";
  const { documents: _, ...rest } = look;
  return { ...rest, inline: look.inline.map(named) };
}

function named({ name }: Named): Named {
  return { name };
}
