import { firstIdAt, timeOfId, uuidv7 } from '../../src/common/uuid.js';

const MOMENT = Date.parse('2026-01-31T12:00:00.000Z');

describe('uuidv7()', () => {
  it('carries version 7 and the variant of RFC 9562', () => {
    for (let count = 0; count < 100; count++) {
      expect(uuidv7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  it('begins with the milliseconds since 1970', () => {
    const [high, low] = uuidv7(MOMENT).split('-');

    expect(Number.parseInt(`${high}${low}`, 16)).toBe(MOMENT);
  });

  it('tells its time', () => {
    expect(timeOfId(uuidv7(MOMENT))).toEqual(new Date(MOMENT));
  });

  it('sorts by time', () => {
    const moments = Array.from({ length: 50 }, (_, step) => MOMENT + step ** 3);
    const ids = moments.map((moment) => uuidv7(moment));

    expect(ids.toSorted()).toEqual(ids);
  });

  it('sorts by its order within one millisecond', () => {
    const ids = Array.from({ length: 1_000 }, () => uuidv7(MOMENT + 1));

    expect(ids.toSorted()).toEqual(ids);
  });

  it('never repeats, within one millisecond too (SEC-23)', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => uuidv7(MOMENT))).size).toBe(10_000);
  });
});

describe('firstIdAt()', () => {
  it('lies between what was made before and what is made from then on', () => {
    for (let count = 0; count < 100; count++) {
      expect(uuidv7(MOMENT - 1) < firstIdAt(MOMENT)).toBe(true);
      expect(firstIdAt(MOMENT) <= uuidv7(MOMENT)).toBe(true);
    }
  });

  it.each([
    [Number.MIN_SAFE_INTEGER, '00000000-0000-7000-8000-000000000000'],
    [Number.MAX_SAFE_INTEGER, 'ffffffff-ffff-7000-8000-000000000000'],
  ])('is an id for any moment: %d', (moment, id) => {
    expect(firstIdAt(moment)).toBe(id);
  });
});
