/**
 * What a question about somebody's configuration can return. "unknown" means that a value was not
 * there to read (unset until deployment, unparsable, not fetched); it is never a polite "no".
 */
export type Answer = "yes" | "no" | "unknown";

/** An answer and why: sentences a person can read, in a stable order. */
export interface Judgement {
  answer: Answer;
  reasons: string[];
}

/** Kleene "and": one "no" settles it, whatever else is unknown. Of nothing: "yes". */
export function every(answers: Answer[]): Answer {
  if (answers.includes("no")) return "no";
  return answers.includes("unknown") ? "unknown" : "yes";
}

/** Kleene "or": one "yes" settles it, whatever else is unknown. Of nothing: "no". */
export function some(answers: Answer[]): Answer {
  if (answers.includes("yes")) return "yes";
  return answers.includes("unknown") ? "unknown" : "no";
}

/** Kleene "not": what is unknown stays unknown. */
export function not(answer: Answer): Answer {
  if (answer === "unknown") return "unknown";
  return answer === "yes" ? "no" : "yes";
}

/** The answer to a question that has been settled. */
export function yesNo(settled: boolean): Answer {
  return settled ? "yes" : "no";
}
