/** IAM gives documents URL-encoded, and takes them plain. */
export function plain(document: string): string {
  try {
    return decodeURIComponent(document);
  } catch {
    return document;
  }
}

/** Do two documents say the same, URL-encoded or plain, however they are spaced? */
export function sameDocument(one: string, other: string): boolean {
  return unspaced(one) === unspaced(other);
}

/** A document as text that is the same however it is spaced or encoded; what is no JSON stays. */
export function unspaced(text: string): string {
  try {
    return JSON.stringify(JSON.parse(plain(text)));
  } catch {
    return text;
  }
}
