import type { Action } from "../functions/case";
import type { UserNow } from "./drift";
import {
  ATTACK,
  attack,
  type Context,
  type Item,
  type Kind,
  type Reader,
  unlessBefore,
} from "./item";
import { forUser, userIn } from "./users";

type CredentialList = "keys" | "sshKeys" | "serviceCredentials" | "certificates";

/** A credential that was switched off, of the kind whose list in the look has it by this field. */
export function credentialItem(kind: Kind, field: string, list: CredentialList): Reader {
  return (context, action) => {
    const { name, subject, before, now, UserName } = userIn(context, action);
    const id = String(action.input[field]);
    const { actor } = context.file.incident;
    const status = before?.[list].find((one) => one.id === id)?.status;
    // A look beside the first cut may see the caller's own key switched off already.
    const wasActive = status === "Active" || (status !== undefined && actor.accessKeyId === id);
    const is = now?.look[list].find((one) => one.id === id);
    const ofRecord = context.own.credentials.includes(id);
    // One that was gone at the cut is as the case left it.
    const drift = action.outcome === "gone" ? [] : credentialDrift(id, ofRecord, now, is?.status);
    const application =
      subject?.kind === "applicationUser"
        ? { by: "kind" as const, why: "the application has a new key in its secret" }
        : undefined;
    const held =
      attack(ofRecord).held ??
      application ??
      unlessBefore(before, wasActive).held ??
      (actor.accessKeyId === id ? undefined : madeLater(context, now?.made[id]).held);
    return forUser(is || ofRecord ? now : undefined, {
      item: `${kind}:${name}:${id}`,
      kind,
      subject: name,
      call: action.call,
      input: { UserName, [field]: id, Status: "Active" },
      why:
        actor.accessKeyId === id
          ? "it was active before; it signed the incident's call, so a new one is better"
          : "it was active before",
      there: !ofRecord && is?.status === "Active",
      ...(held && { held }),
      ...(drift.length > 0 && { drift }),
    }).map((one) => (now && !is && !ofRecord ? { ...one, why: `${id} was deleted` } : one));
  };
}

/** The record's own must stay away; every other one must still be there. */
function credentialDrift(
  id: string,
  ofRecord: boolean,
  now: UserNow,
  status: string | undefined,
): string[] {
  if (ofRecord) return status === "Active" ? [`${id}, which the record made, is active again`] : [];
  return now && status === undefined ? [`${id} is not there any more`] : [];
}

/**
 * A burst of calls is contained by its first events; the record of a later one, a new key say, then
 * finds nothing to do and leaves no case. Its key is told by its age.
 */
function madeLater({ file }: Context, made: string | undefined): Pick<Item, "held"> {
  const { time } = file.incident.event;
  // CloudTrail's times are whole seconds.
  if (made === undefined || !(Date.parse(made) >= Date.parse(time))) return {};
  return { held: { by: "named", why: `it was made at ${made}, and the incident was at ${time}` } };
}

/** A key that was deleted for a replacement. */
export function deletedKeyItem(context: Context, action: Action): Item[] {
  const { name, before, UserName } = userIn(context, action);
  const id = String(action.input.AccessKeyId);
  // What is not in the state before is a replacement that could not be stored.
  if (!before?.keys.some((key) => key.id === id)) return [];
  const why = "it was deleted to make room for the replacement; a deleted key does not come back";
  const command = `aws iam create-access-key --user-name ${UserName}`;
  return [{ item: `keys:${name}:${id}`, kind: "keys", subject: name, why, command }];
}

/** A console password, which only a new one replaces. */
export function passwordItem(context: Context, action: Action): Item[] {
  const { name, now, UserName } = userIn(context, action);
  const item = { item: `password:${name}`, kind: "password" as const, subject: name };
  const { event } = context.file.incident;
  if (event.name === "CreateLoginProfile" && context.own.users.includes(name)) {
    return [{ ...item, why: ATTACK }];
  }
  return [
    {
      ...item,
      why: "a deleted password does not come back",
      command: `aws iam create-login-profile --user-name ${UserName} --password-reset-required --password "$PASSWORD"`,
      there: now?.look.password === true,
    },
  ];
}

/**
 * Source: IAM API Reference, EnableMFADevice: two codes in a row,
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableMFADevice.html
 */
export function mfaItem(context: Context, action: Action): Item[] {
  const { name, now, UserName } = userIn(context, action);
  const serial = String(action.input.SerialNumber);
  return [
    {
      item: `mfa:${name}:${serial}`,
      kind: "mfa",
      subject: name,
      why: "only who holds the device can enable it again, with two codes in a row",
      command: `aws iam enable-mfa-device --user-name ${UserName} --serial-number ${serial} --authentication-code1 CODE --authentication-code2 NEXT_CODE`,
      there: now?.look.mfaDevices.includes(serial) ?? false,
    },
  ];
}
