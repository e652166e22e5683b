import type { Incident } from "../events/incident";
import { type Fields, fieldsOf, textIn } from "../events/record";
import { grantKey } from "../functions/account/user";
import type { CaseFile } from "./caseFile";
import { isDenyAll } from "./item";

/** What the record itself gave: the attack, which a restore leaves away. */
export interface RecordsOwn {
  /** "attached ARN", "inline NAME" or "group NAME", of the user, whatever he is called by now. */
  userGrants: string[];
  groupGrants: string[];
  /** Ids of keys and other credentials that it made, reset or switched on. */
  credentials: string[];
  /** Names of the users that it concerns. */
  users: string[];
  /** Ids of security group rules that it made or changed. */
  rules: string[];
  /** "user NAME", "role NAME": from whom a record took the owner's AWSDenyAll, and not a case's. */
  deniesTaken: string[];
}

const CREDENTIAL_EVENTS =
  /^(Create|Update|Upload|Reset)(AccessKey|SSHPublicKey|ServiceSpecificCredential|SigningCertificate)$/;
const CREDENTIAL_IDS = /^(accessKeyId|sshPublicKeyId|serviceSpecificCredentialId|certificateId)$/i;
const RULE_IDS = /^securityGroupRuleId$/i;

/**
 * What the records of several incidents gave. A burst of calls is as many incidents, and each case
 * may hold what another's record had given.
 */
export function ownOfAll(cases: CaseFile[]): RecordsOwn {
  const all = cases.map(({ incident }) => ownOf(incident));
  return {
    userGrants: all.flatMap((one) => one.userGrants),
    groupGrants: all.flatMap((one) => one.groupGrants),
    credentials: all.flatMap((one) => one.credentials),
    users: all.flatMap((one) => one.users),
    rules: all.flatMap((one) => one.rules),
    deniesTaken: deniesTaken(cases),
  };
}

/**
 * A deny that went before any of the cases had attached one was the owner's; one that went later was
 * a case's, which the attacker took off again.
 */
function deniesTaken(cases: CaseFile[]): string[] {
  const attached = cases
    .flatMap(({ actions }) => actions)
    .filter(({ call, input, outcome }) => {
      return outcome === "done" && /^iam:Attach/.test(call) && isDenyAll(input.PolicyArn);
    });
  return cases.flatMap(({ incident: { event, record } }) => {
    const { requestParameters } = fieldsOf(record);
    const parameters = fieldsOf(requestParameters);
    const kind = /^Detach(User|Role)Policy$/.exec(event.name)?.[1]?.toLowerCase();
    if (!kind || !isDenyAll(parameters.policyArn)) return [];
    const subject = `${kind} ${textIn(parameters, `${kind}Name`)}`;
    const before = attached.some(
      (one) => one.subject === subject && Date.parse(one.at) < Date.parse(event.time),
    );
    return before ? [] : [subject];
  });
}

function ownOf(incident: Incident): Omit<RecordsOwn, "deniesTaken"> {
  const { subjects, event } = incident;
  const record = fieldsOf(incident.record);
  const told = [record.requestParameters, record.responseElements];
  const users = subjects.filter((one) => one.kind === "user" || one.kind === "applicationUser");
  const made = CREDENTIAL_EVENTS.test(event.name);
  // The caller's key is not what his call made.
  const keyIds = users.flatMap((one) => ("caller" in one ? [] : (one.accessKeyId ?? [])));
  return {
    userGrants: users.flatMap(({ grant }) => (grant ? [grantKey(grant)] : [])),
    groupGrants: subjects.flatMap((one) =>
      one.kind === "group" && one.grant ? [grantKey(one.grant)] : [],
    ),
    credentials: made ? [...keyIds, ...told.flatMap((one) => valuesOf(one, CREDENTIAL_IDS))] : [],
    users: users.map(({ name }) => name),
    rules: [
      ...subjects.flatMap((one) =>
        one.kind === "securityGroup" ? one.rules.map(({ id }) => id) : [],
      ),
      ...told.flatMap((one) => valuesOf(one, RULE_IDS)),
    ],
  };
}

/** The texts under a name, however deep. */
function valuesOf(value: unknown, name: RegExp): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => valuesOf(one, name));
  return Object.entries(fieldsOf(value) satisfies Fields).flatMap(([key, each]) =>
    typeof each === "string" ? (name.test(key) ? [each] : []) : valuesOf(each, name),
  );
}
