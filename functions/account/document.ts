/** A text in JSON, or white space outside of one. */
const TEXT_OR_SPACE = /("(?:[^"\\]+|\\.)*")|[ \t\r\n]+/g;

/**
 * A policy document without the white space that says nothing, URL-encoded where it was. IAM does not
 * count white space against its quotas and keeps it, so a policy may carry 100 KB of it, encoded
 * thrice as long, into the case and past what a state of an execution holds. No key and no number is
 * written anew; what is no JSON stays as it is.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html ("IAM doesn't
 * count white space when calculating the size of a policy against these quotas")
 *
 * @param document JSON, URL-encoded as IAM gives it or plain.
 */
export function minified(document: string): string {
  return short(document) ?? shortEncoded(document) ?? document;
}

function short(text: string): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  return text.replace(TEXT_OR_SPACE, (_, quoted) => quoted ?? "");
}

function shortEncoded(document: string): string | undefined {
  try {
    const text = short(decodeURIComponent(document));
    return text === undefined ? undefined : encodeURIComponent(text);
  } catch {
    return undefined;
  }
}
