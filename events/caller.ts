import { type Actor, describeActor } from "./actor";
import type { Incident, RoleSubject, UserSubject } from "./incident";
import { howToEnd, isReservedArn, type RoleSettings, revokeSessions } from "./role";

type Ruling = Pick<Incident, "decision" | "reason" | "subjects" | "alert">;

/**
 * Who is contained beside the subjects of the call, by `containActor`: the calling IAM user, or the
 * role whose session called.
 *
 * He comes after the subjects, and is contained where they are: a call that a look finds harmless
 * harms nobody's caller. Only the account branch takes users and roles; in the others a person hears
 * of him, where the record alone proves the incident.
 *
 * @param formerName the subject's name before the call: a caller of that name is the subject.
 */
export function withCaller(
  ruling: Ruling,
  actor: Actor,
  settings: RoleSettings & { containActor: boolean },
  formerName?: string,
): Ruling {
  const { decision, subjects, alert } = ruling;
  if (!settings.containActor || decision === "Ignore") return ruling;
  const caller = callerOf(actor, settings);
  const names = subjects.flatMap((one) => ("name" in one ? [`${one.kind} ${one.name}`] : []));
  if (!caller) return ruling;
  const known = [...names, `user ${formerName}`, ...names.map(asUser)];
  if (known.includes(`${caller.kind} ${caller.name}`)) return ruling;
  if (decision === "EmergencyActionAccount") {
    const proved =
      subjects.every(({ kind }) => kind === "user" || kind === "role") && isProved(ruling);
    return { ...ruling, subjects: [...subjects, { ...caller, proved }] };
  }
  if (!isProved(ruling)) return ruling;
  const words = `${describeActor(actor)} was not contained: containActor reaches callers of IAM changes of users, groups, policies and roles. ${how(caller)}`;
  return { ...ruling, alert: alert ? `${alert} ${words}` : words };
}

function asUser(name: string): string {
  return name.replace(/^applicationUser /, "user ");
}

function how(caller: UserSubject | RoleSubject): string {
  return caller.kind === "user"
    ? `npm run contain -- user ${caller.name} does it.`
    : `This ends the sessions that the role has: ${revokeSessions(caller.name)}`;
}

/** What the record alone settles; a group or a policy has to be looked at all the same. */
function isProved({ subjects }: Ruling): boolean {
  return subjects.every((one) => {
    if (one.kind === "securityGroup") return one.rules.length > 0;
    return "proved" in one && one.proved;
  });
}

function callerOf(actor: Actor, settings: RoleSettings): UserSubject | RoleSubject | undefined {
  const { type, userName, accessKeyId, roleArn } = actor;
  if (type === "IAMUser" && userName) {
    const key = accessKeyId?.startsWith("AKIA") && { accessKeyId };
    return { kind: "user", name: userName, proved: false, caller: true, ...key };
  }
  const name = type === "AssumedRole" ? roleArn?.split("/").at(-1) : undefined;
  if (!name || !roleArn) return undefined;
  const alertOnly = leftAlone(actor, name, roleArn, settings);
  return { kind: "role", name, proved: false, caller: true, ...(alertOnly && { alertOnly }) };
}

/** A session ends by its role only, which others use too: by `containRoles`, else a person decides. */
function leftAlone(
  { arn }: Actor,
  name: string,
  roleArn: string,
  { containRoles, stackRoles }: RoleSettings,
): string | undefined {
  const called = `Session ${arn.split("/").at(-1)} of role ${name} made the call`;
  if (isReservedArn(roleArn)) return `${called}, and was not ended. ${howToEnd(roleArn)}`;
  if (stackRoles.includes(name)) {
    return `${called}: the role is Tourniquet's own and was not contained. Look at it at once.`;
  }
  if (containRoles) return undefined;
  return `${called}, and was not ended, since containRoles is off. This ends the sessions that the role has: ${revokeSessions(name)}`;
}
