/**
 * The one file of payments that may make numbers of something else. An amount is an integer in the minor unit of its
 * currency, at most twelve digits: far below 2^53, so that a JavaScript number holds it exactly.
 */

/** The largest amount that is taken. */
export const MAX_AMOUNT = 999_999_999_999;

/** @throws {RangeError} it is no integer, or none that a number holds exactly: then something has gone very wrong. */
export function exact(value: string | bigint): number {
  const number = Number(BigInt(value));
  if (!Number.isSafeInteger(number)) throw new RangeError('An amount is beyond what can be held exactly');
  return number;
}

/** For columns of type `bigint`, which the driver gives as texts. */
export const minorUnits = {
  from: (value: string | null) => (value === null ? null : exact(value)),
  to: (value: number | null) => value,
};

/** @returns null where `divisor` does not go into it without a rest: nothing is ever rounded. */
export function dividedBy(amount: number, divisor: number): number | null {
  return amount % divisor === 0 ? exact(BigInt(amount) / BigInt(divisor)) : null;
}
