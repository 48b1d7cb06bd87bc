/** What is to be counted, and how many of it are allowed in any window of time. */
export interface Check {
  readonly policy: string;
  /** Whose hits these are; nothing that names a person. */
  readonly subject: string;
  readonly limit: number;
  readonly window_ms: number;
}

export interface Tally {
  /** How many count now: with this one, where it was let through. */
  readonly hits: number;
  /** Whether there was no room for this one. */
  readonly full: boolean;
  /** Until the oldest hits leave the window, and there is room again. */
  readonly reset_ms: number;
}

/**
 * Counts hits in windows that slide, and begin with a subject's first hit. Hits are kept in grains of a tenth of the limit,
 * each with the time of its first: so that a subject takes little room however high its limit, a limit that is spent at
 * once is whole again exactly a window later, and no window of time ever holds more than 1.1 times the limit.
 */
export abstract class LimiterStorage {
  /**
   * Counts one hit for each check, or for none where one of them is full: what is refused costs nothing. Two that come at
   * once are never both let through on the last place.
   * @returns in the order of the checks.
   * @throws whatever the engine throws that is away; then it is unknown whether the hits were counted.
   */
  abstract take(checks: readonly Check[]): Promise<Tally[]>;
}

/** So many hits share one entry at most. */
export const grainOf = (limit: number): number => Math.max(1, Math.floor(limit / 10));
