/** Which users of an account a role may touch, and which it may not, as ARNs of a policy. */
export interface NamedUsers {
  /** ARN patterns to allow; each matches more than it should, since IAM's wildcards span `/`. */
  allowed: string[];
  /** ARN patterns to deny: what the allowed match beside the users that are meant. */
  denied: string[];
}

/**
 * The users whose name, without its path, matches one of the patterns.
 *
 * IAM's `*` and `?` match a `/` too: "user/app-*-prod" covers "user/app-x/mallory-prod", who is
 * mallory-prod. So for each wildcard what it matches with a `/` in it is denied. A star at the
 * beginning needs no such Deny: what it swallows is path, and the rest of the name still decides.
 * What is denied too, which fails closed, is a user whose path holds what a pattern has before one of
 * its wildcards: "/app-x/app-y".
 * Source: IAM User Guide, Resource element, "Using wildcards in resource ARNs",
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
 *
 * @param patterns names of users with `*` and `?`.
 */
export function namedUsers(
  patterns: string[],
  { partition, account }: { partition: string; account: string },
): NamedUsers {
  const anyPath = (name: string) => {
    const user = `arn:${partition}:iam::${account}:user`;
    return name.startsWith("*") ? [`${user}/${name}`] : [`${user}/${name}`, `${user}/*/${name}`];
  };
  const names = patterns.map(starsFirst);
  return {
    allowed: unique(names.flatMap(anyPath)),
    denied: unique(names.flatMap(acrossPath).flatMap(anyPath)),
  };
}

/** "a?**b" is "a*?b": one star a run, and first, where a star at the beginning needs no Deny. */
function starsFirst(pattern: string): string {
  return pattern.replace(/[*?]+/g, (run) =>
    run.includes("*") ? `*${run.replaceAll("*", "")}` : run,
  );
}

/** A pattern once for each wildcard, with a `/` in what that one stands for. No name is empty. */
function acrossPath(pattern: string): string[] {
  return [...pattern].flatMap((character, at) => {
    const spanning = { "*": "*/*", "?": "/" }[character];
    if (!spanning || (character === "*" && at === 0)) return [];
    if (character === "?" && at === pattern.length - 1) return [];
    return [pattern.slice(0, at) + spanning + pattern.slice(at + 1)];
  });
}

function unique(texts: string[]): string[] {
  return [...new Set(texts)];
}
