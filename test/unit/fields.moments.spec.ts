import { DateTime, Integer, SomeOf } from '../../src/common/fields.js';
import { ValidationError } from '../../src/common/service-error.js';
import { InputPipe } from '../../src/common/validation.js';

class Sample {
  @DateTime({ optional: true, example: '2026-01-31T12:00:00Z' })
  at?: Date;

  @SomeOf(['red', 'green'], { optional: true, example: ['red'] })
  colours?: string[];

  @Integer({ min: 0, max: 10, optional: true, example: 1 })
  count?: number;
}

const pipe = new InputPipe();
const read = async (body: object): Promise<Sample> =>
  (await pipe.transform(body, { type: 'body', metatype: Sample })) as Sample;

async function brokenBy(body: object): Promise<string[]> {
  try {
    await read(body);
  } catch (error) {
    if (error instanceof ValidationError) return error.errors.map(({ pointer, code }) => `${pointer} ${code}`);
    throw error;
  }
  return [];
}

describe('a moment', () => {
  it.each([
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00.5+01:30', '2026-01-31T10:30:00.500Z'],
    ['2026-01-31T12:00:00.123456789-00:00', '2026-01-31T12:00:00.123Z'],
    ['2024-02-29T23:59:59+23:59', '2024-02-29T00:00:59.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('%s is read', async (text, moment) => {
    expect((await read({ at: text })).at).toEqual(new Date(moment));
  });

  it.each([
    '',
    '2026-01-31',
    '2026-01-31T12:00:00',
    '2026-01-31 12:00:00Z',
    '2026-01-31t12:00:00z',
    '2026-01-31T12:00Z',
    '2026-01-31T12:00:00.Z',
    '2026-01-31T12:00:00.1234567890Z',
    '2026-01-31T12:00:00+0100',
    '2026-01-31T12:00:00+24:00',
    '2026-02-29T12:00:00Z',
    '2026-04-31T12:00:00Z',
    '2026-00-01T12:00:00Z',
    '2026-13-01T12:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T23:59:60Z',
    '+010000-01-01T00:00:00Z',
    '-000001-01-01T00:00:00Z',
    ' 2026-01-31T12:00:00Z',
    '2026-01-31T12:00:00Z\n',
    '٢٠٢٦-01-31T12:00:00Z',
    '1769860800',
    'now',
  ])('is not %j', async (at) => {
    expect(await brokenBy({ at })).toEqual(['#/at date_time']);
  });

  it.each([[1_769_860_800_000], [true], [['2026-01-31T12:00:00Z']], [{ getTime: 1 }]])(
    'is a text, and not %j (SEC-48)',
    async (at) => {
      expect(await brokenBy({ at })).toEqual(['#/at type']);
    },
  );
});

describe('some of a closed set', () => {
  it('are read as they come', async () => {
    expect((await read({ colours: ['green', 'red'] })).colours).toEqual(['green', 'red']);
  });

  it.each([
    ['red', 'type'],
    [{ length: 1, 0: 'red' }, 'type'],
    [[], 'min_items'],
    [['red', 'red'], 'unique'],
    [['blue'], 'enum'],
    [[['red']], 'enum'],
    [[null], 'enum'],
    [['toString'], 'enum'],
  ])('are not %j', async (colours, code) => {
    expect(await brokenBy({ colours })).toEqual([`#/colours ${code}`]);
  });
});

describe('a whole number in a body', () => {
  it.each([0, 10])('is %d', async (count) => {
    expect(await read({ count })).toEqual({ count });
  });

  it.each([
    [-1, 'minimum'],
    [11, 'maximum'],
    [1.5, 'type'],
    ['1', 'type'],
    [true, 'type'],
    [1e300, 'type'],
  ])('is not %j', async (count, code) => {
    expect(await brokenBy({ count })).toEqual([`#/count ${code}`]);
  });
});
