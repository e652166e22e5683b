import { FLOOR, type Series } from "./measure";

/** One measured line; the floor is one too. */
export interface Line extends Pick<Series, "name" | "state" | "aim"> {
  ms: { median: number; quartiles: [low: number, high: number] };
  floorMs: number;
  ratio: number;
  /** Whether the ratio of the medians is within the aim. */
  kept?: boolean;
  /** Whether a series that has to keep its aim does not, whatever the spread of this run. */
  missed?: boolean;
}

/** Below this a run's quartiles say little of its spread. */
export const FEWEST_RUNS = 5;

/** A quantile of a sample, between neighbours where it falls between them. */
export function quantile(sample: number[], share: number): number {
  const sorted = [...sample].sort((one, other) => one - other);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place % 1);
}

/** A series beside the floor in the same state. */
export function beside({ ms: sample, ...series }: Series, all: Series[]): Line {
  const isFloor = ({ name, state }: Series) => name === FLOOR && state === series.state;
  const floor = all.find(isFloor)?.ms ?? [];
  const { name, state, aim, binding } = series;
  const median = quantile(sample, 0.5);
  const floorMs = quantile(floor, 0.5);
  const low = quantile(sample, 0.25);
  const line = { name, state, ms: { median, quartiles: [low, quantile(sample, 0.75)] } };
  const measured = { ...line, floorMs, ratio: median / floorMs } as Line;
  if (aim === undefined) return measured;
  const told = { ...measured, aim, kept: measured.ratio <= aim };
  if (!binding) return told;
  const atBest = low / quantile(floor, 0.75);
  return { ...told, missed: sample.length >= FEWEST_RUNS && atBest > aim };
}
