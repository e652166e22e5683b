import { type Answer, errorAnswer, type Request } from "./wire";

/**
 * A failure to inject: `times` (default 1) calls of the action fail, the next ones, or those after
 * the first `after`.
 */
export interface Fault {
  service: string;
  action: string;
  /** The error's code; where the answer is no error, what reports call it. */
  code: string;
  /**
   * Default `error`. `malformed`: status 200 and a page that is no answer of the service, as a proxy
   * in between may give. `none`: the connection is held open until the caller hangs up. Without
   * effect, all three. `lost`: like `none`, and the call is carried out.
   */
  answer?: "error" | "malformed" | "none" | "lost";
  /** Only calls of the role or user of this name; absent: of anybody. */
  by?: string;
  /** Default 400. */
  status?: number;
  times?: number;
  /** So many of these calls go through first; default 0. */
  after?: number;
  message?: string;
}

/** One with nothing left open. */
export type ReadyFault = Required<Omit<Fault, "by">> & Pick<Fault, "by">;

/** The failures that are still to come. */
export class Faults {
  #waiting: ReadyFault[] = [];

  add(fault: Fault): void {
    const message = fault.message ?? "A failure that the scenario asked for";
    this.#waiting.push({ times: 1, after: 0, status: 400, answer: "error", ...fault, message });
  }

  clear(): void {
    this.#waiting = [];
  }

  /** The failure of this call, which is then one fewer; undefined where it goes through. */
  take(service: string, action: string, caller: string): ReadyFault | undefined {
    const fault = this.#waiting.find(
      ({ by = caller, times, ...one }) =>
        one.service === service && one.action === action && by === caller && times > 0,
    );
    if (!fault) return undefined;
    if (fault.after > 0) {
      fault.after -= 1;
      return undefined;
    }
    fault.times -= 1;
    return fault;
  }
}

/** What a call gets that was to fail; of one that is held, what the record of it says. */
export function faulty(request: Request, fault: ReadyFault): Answer {
  if (fault.answer !== "malformed") return errorAnswer(request, fault);
  const page = "<html><body><h1>Sign in to the network</h1></body></html>";
  return { status: 200, headers: { "content-type": "text/html" }, body: Buffer.from(page) };
}
