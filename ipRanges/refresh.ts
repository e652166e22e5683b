import { parseArgs } from "node:util";
import { type IpRanges, isSuspiciousShrink, publishedCidrs, RENTED, rangesError } from "./document";
import { type fetchIpRanges, readNotification } from "./fetch";

/** What the bundled copy is, and where it is from. */
export interface BundledRanges extends IpRanges {
  source: string;
}

/** What a refresh works with; others in tests alone. */
export interface Refreshing {
  bundled: IpRanges;
  fetchRanges: typeof fetchIpRanges;
  /** Takes the text of the new copy. */
  write: (text: string) => void;
  print: (line: string) => void;
}

/** How it is called. */
export const usage =
  "npm run ip-ranges [-- --sync-token TOKEN --md5 MD5] [--accept-shrink]: TOKEN and MD5 as AWS's notification has them";

/**
 * Takes AWS's document of address ranges for the bundled copy, for people to review. It is fetched
 * over TLS, no older than the copy, and held to the notification's MD5 where that is given.
 *
 * @throws IpRangesUnusable where the document is not that, or where more than half of a service's
 *   ranges are gone and `--accept-shrink` is not given: nothing is written then.
 */
export async function refresh(args: string[], hand: Refreshing): Promise<void> {
  const { notified, acceptShrink } = optionsIn(args);
  const { bundled, print } = hand;
  const fetched = withoutRented(await hand.fetchRanges(bundled.syncToken, notified));
  const services = Object.keys({ ...bundled.services, ...fetched.services }).sort();
  const changes = services.map((service) => changeOf(service, bundled, fetched)).filter(isChange);
  const shrunk = changes.filter(({ suspicious }) => suspicious).map(({ service }) => service);
  if (shrunk.length > 0 && !acceptShrink) {
    throw rangesError(
      `more than half of the ranges of ${shrunk.join(", ")} are gone in the document of ${fetched.createDate}: if AWS meant that, --accept-shrink takes it`,
    );
  }
  hand.write(written({ source: sourceOf(fetched, notified !== undefined), ...fetched }));
  for (const { service, added, gone } of changes) {
    print(`${service}: ${added} ranges more, ${gone} less`);
  }
  print(
    `ipRanges/lastKnown.json is of ${fetched.createDate} now, and was of ${bundled.createDate}. Review it, and deploy it: what it says is trusted where trustedCidrs names the service`,
  );
}

function optionsIn(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      "sync-token": { type: "string" },
      md5: { type: "string" },
      "accept-shrink": { type: "boolean", default: false },
    },
  });
  const { "sync-token": synctoken, md5 } = values;
  const notified = readNotification(JSON.stringify({ synctoken, md5 }));
  if (!notified && (synctoken ?? md5) !== undefined) {
    throw rangesError(
      `--sync-token ${synctoken} and --md5 ${md5}: they should be ten digits and 32 hexadecimal ones`,
    );
  }
  return { notified, acceptShrink: values["accept-shrink"] };
}

/** Nobody may trust them, and they are most of the document. */
function withoutRented({ services, ...rest }: IpRanges): IpRanges {
  const kept = Object.entries(services).filter(([service]) => !RENTED.includes(service));
  return { ...rest, services: Object.fromEntries(kept) };
}

interface Change {
  service: string;
  added: number;
  gone: number;
  suspicious: boolean;
}

/** @throws IpRangesUnusable for a range that is no CIDR, or too wide to be a service's. */
function changeOf(service: string, before: IpRanges, now: IpRanges): Change {
  const cidrsIn = (ranges: IpRanges) =>
    Object.hasOwn(ranges.services, service) ? publishedCidrs(ranges, { service }) : [];
  const [had, has] = [cidrsIn(before), cidrsIn(now)];
  return {
    service,
    added: has.filter((cidr) => !had.includes(cidr)).length,
    gone: had.filter((cidr) => !has.includes(cidr)).length,
    suspicious: isSuspiciousShrink(had, has),
  };
}

function isChange({ added, gone }: Change): boolean {
  return added + gone > 0;
}

function sourceOf({ createDate }: IpRanges, held: boolean): string {
  const [year, month, day, ...time] = createDate.split("-");
  const how = held ? "held to the MD5 of AWS's notification" : "fetched over TLS";
  return `https://ip-ranges.amazonaws.com/ip-ranges.json as of ${year}-${month}-${day} ${time.join(":")} UTC, ${how}; without the services ${RENTED.join(" and ")}`;
}

/** One line a region, everything in order: a later copy differs in what AWS changed alone. */
export function written({ source, syncToken, createDate, services }: BundledRanges): string {
  const quoted = (text: string) => JSON.stringify(text);
  const sorted = <T>(of: Record<string, T>) =>
    Object.entries(of).sort(([one], [other]) => (one < other ? -1 : 1));
  const regions = (of: Record<string, string[]>) =>
    sorted(of).map(
      ([region, cidrs]) => `      ${quoted(region)}: [${[...cidrs].sort().map(quoted).join(", ")}]`,
    );
  const all = sorted(services).map(
    ([service, of]) => `    ${quoted(service)}: {\n${regions(of).join(",\n")}\n    }`,
  );
  return [
    "{",
    `  "source": ${quoted(source)},`,
    `  "syncToken": ${syncToken},`,
    `  "createDate": ${quoted(createDate)},`,
    '  "services": {',
    all.join(",\n"),
    "  }",
    "}\n",
  ].join("\n");
}
