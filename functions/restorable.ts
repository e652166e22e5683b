/**
 * The calls whose effect no call takes back: AWS shows no password and no secret key again, and an
 * MFA device is enabled by two codes that only who holds it has. Everything else that a responder
 * takes is switched off, or the case keeps it. Restore names what replaces each of these.
 * Sources: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteLoginProfile.html,
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccessKey.html,
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableMFADevice.html
 */
export const notRestorable = [
  "iam:DeleteLoginProfile",
  "iam:DeleteAccessKey",
  "iam:DeactivateMFADevice",
] as const;

/** Can what this call takes be given back? */
export function isRestorable(call: string): boolean {
  return !notRestorable.some((one) => one === call);
}
