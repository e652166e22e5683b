/**
 * A value that counts only some time after it was set; until then what was there before counts.
 *
 * IAM answers a change before the change is everywhere.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
 */
export class Delayed<T> {
  #former: Array<{ value: T; until: number }> = [];

  /** `value` has just been replaced, and counts for another `ms`. */
  keep(value: T, ms: number): void {
    if (ms > 0) this.#former.push({ value, until: performance.now() + ms });
  }

  /** What counts now, where `present` is the newest value. */
  effective(present: T): T {
    const now = performance.now();
    this.#former = this.#former.filter(({ until }) => until > now);
    const [oldest] = this.#former;
    return oldest ? oldest.value : present;
  }
}
