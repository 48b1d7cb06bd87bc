/** In first steps of 10 s: 10 s, 30 s, 2 min, 10 min, an hour; then hourly for a day, then daily. */
const FIRST = [1, 3, 12, 60, 360];
const HOURLY = 360;
const HOURS = 24;
const DAILY = 24 * HOURLY;
const DAYS = 7;

/** After so many questions without an end a person must look. */
export const MOST_QUESTIONS = FIRST.length + HOURS + DAYS;

/** How long the provider is left alone after so many questions. */
export function patience(questions: number, step_ms: number): number {
  const steps = FIRST[questions] ?? (questions < FIRST.length + HOURS ? HOURLY : DAILY);
  return steps * step_ms;
}
