import { createHash } from "node:crypto";
import { type IpRanges, rangesError, readIpRanges } from "./document";

/** Source: https://docs.aws.amazon.com/vpc/latest/userguide/aws-ip-ranges.html */
const URL_OF_RANGES = "https://ip-ranges.amazonaws.com/ip-ranges.json";

/** The document has 2.6 MB; what is ten times as long is not it. */
const MOST_BYTES = 26_000_000;
const MOST_MS = 10_000;

/** What AWS's notification says of the document. */
export interface Notification {
  syncToken: number;
  /** Of the document, in hexadecimal. */
  md5: string;
}

/**
 * Fetches AWS's document over TLS and checks that it is the one that is meant.
 *
 * The address is in the code and nowhere else: neither a notification nor the environment can lead
 * it elsewhere, and neither can a redirect.
 *
 * @param oldest syncToken of the newest document known: an older one is refused.
 * @param notified what the notification said. A document with another MD5 is refused, unless it is
 *   newer than the notification.
 * @param url another one in tests alone.
 * @throws IpRangesUnusable; what `fetch` throws where there is no answer.
 */
export async function fetchIpRanges(
  oldest: number,
  notified?: Notification,
  url: string = URL_OF_RANGES,
): Promise<IpRanges> {
  const answer = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(MOST_MS) });
  if (answer.status !== 200) {
    throw rangesError(`${url} answered ${answer.status}: it should be 200`);
  }
  const body = await bodyOf(answer, url);
  const ranges = readIpRanges(body.toString("utf8"));
  if (ranges.syncToken < oldest) {
    throw rangesError(
      `${url} has syncToken ${ranges.syncToken}, which is older than the ${oldest} that is known`,
    );
  }
  if (notified && ranges.syncToken <= notified.syncToken) {
    const md5 = createHash("md5").update(body).digest("hex");
    if (md5 !== notified.md5.toLowerCase()) {
      throw rangesError(`${url} has MD5 ${md5}: the notification says ${notified.md5}`);
    }
  }
  return ranges;
}

/** Read piece by piece: a length that the answer claims proves nothing. */
async function bodyOf(answer: Response, url: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of answer.body ?? []) {
    bytes += piece.length;
    if (bytes > MOST_BYTES) throw rangesError(`${url} is longer than ${MOST_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/**
 * What AWS's topic says: { "create-time", "synctoken", "md5", "url" }.
 * Source: https://docs.aws.amazon.com/vpc/latest/userguide/subscribe-notifications.html
 *
 * @returns undefined for any other message. The url is not read.
 */
export function readNotification(message: unknown): Notification | undefined {
  try {
    const { synctoken, md5 } = JSON.parse(String(message));
    if (!/^\d{10}$/.test(String(synctoken)) || !/^[0-9a-f]{32}$/i.test(String(md5)))
      return undefined;
    return { syncToken: Number(synctoken), md5: String(md5) };
  } catch {
    return undefined;
  }
}
