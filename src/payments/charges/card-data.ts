import { CardDataForbiddenError } from '../payments.errors.js';

/** Digits in groups, as people write card numbers. */
const CARD = /(?<![0-9A-Za-z])\d(?:[ -]?\d){12,18}(?![0-9A-Za-z])/g;

/** One in ten thousand has digits in a row that could be a card's. */
const UUID = /(?<![0-9a-f-])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f-])/gi;

/** The check digit of ISO/IEC 7812 (Luhn). */
function isCardNumber(text: string): boolean {
  const digits = [...text.replaceAll(/\D/g, '')].map((digit) => digit.charCodeAt(0) - 48).toReversed();
  const sum = digits.reduce((total, digit, at) => {
    const doubled = at % 2 === 1 ? digit * 2 : digit;
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum % 10 === 0;
}

/**
 * Refuses card numbers wherever they stand: what never comes in is never stored, logged or lost.
 * @throws {CardDataForbiddenError}
 */
export function assertNoCardData(input: unknown): void {
  if (typeof input === 'string') {
    if ((input.replaceAll(UUID, '|').match(CARD) ?? []).some(isCardNumber)) throw new CardDataForbiddenError();
  } else if (typeof input === 'object' && input !== null) {
    for (const [name, value] of Object.entries(input)) {
      assertNoCardData(name);
      assertNoCardData(value);
    }
  }
}
