/**
 * Do two names mean the same IAM user, group or role?
 *
 * IAM does not tell names apart by case, and takes a name in any case: CloudTrail writes it as the
 * caller spelled it, while ARNs, `userIdentity` and looks have it as it was created. So a name that
 * the owner wrote whole is compared by this, or whoever spells it "BREAK-GLASS" has a protected user
 * contained; nobody else can have that name. A pattern is compared with `matchesExactly`, as IAM
 * compares ARNs: an owner who keeps others from making `ci-*` has not kept them from making "CI-x".
 * Sources: IAM API Reference, CreateUser, UserName,
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html;
 * that calls take any case: https://github.com/saltstack/salt/issues/24947
 */
export function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
