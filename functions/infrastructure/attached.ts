import type { AttachedGroupsSubject } from "../../events/incident";
import { joined, type Pass } from "../case";
import { closeRules, type Hand, settle } from "./close";
import { type GroupLook, lookAtGroups } from "./look";

/**
 * Judges the groups that were put on interfaces, by one look at all of them. Where one opens SSH to
 * the world, it is closed, or a person is told how, by `attachedGroups`; the others are nothing.
 *
 * It waits for no group that EC2 does not show yet: what opens a group that is so new is an event of
 * its own.
 */
export async function judgeAttached(hand: Hand, subject: AttachedGroupsSubject): Promise<Pass> {
  const { settings } = hand;
  const closes = settings.attachedGroups === "close";
  const found = await lookAtGroups(hand, subject.groupIds, settings);
  const judged = found.map((group) =>
    settle(hand, group, undefined, (openers) =>
      closes ? closeRules(hand, group, openers) : warning(subject, group, openers),
    ),
  );
  const pass = joined(await Promise.all(judged));
  if (closes) return pass;
  // What could not be read is a person's to look at, too.
  const { alerts = [], open = [], ...rest } = pass;
  return { ...rest, alerts: [...alerts, ...open] };
}

function warning({ holders }: AttachedGroupsSubject, { groupId }: GroupLook, openers: string[]) {
  const who = holders.length > 0 ? firstFew(holders) : "An interface or instance";
  const alert = `${who} got ${groupId}, which opens SSH to the world by ${firstFew(openers)}. This closes it: npm run contain -- group ${groupId}`;
  return { alerts: [alert] };
}

const LISTED = 10;

function firstFew(words: string[]): string {
  const rest = words.length - LISTED;
  return rest > 0 ? `${words.slice(0, LISTED).join(", ")} and ${rest} more` : words.join(", ");
}
