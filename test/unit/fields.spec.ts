import { Email, Id, Integer, OneOf, QueryInteger, Text } from '../../src/common/fields.js';
import { ValidationError, type FieldProblem } from '../../src/common/service-error.js';
import { InputPipe } from '../../src/common/validation.js';

class Sample {
  @Text({ min: 2, max: 5, example: 'abc' })
  text!: string;

  @Text({ max: 5, trim: true, lowerCase: true, optional: true, example: 'abc' })
  plain?: string;

  @Text({
    max: 5,
    optional: true,
    nullable: true,
    pattern: { test: /^[a-z]+$/, message: 'Only letters' },
    example: 'abc',
  })
  word?: string | null;

  @Email({ optional: true })
  email?: string;

  @OneOf(['red', 'green'], { optional: true, example: 'red' })
  colour?: string;

  @Id({ optional: true, example: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c' })
  id?: string;

  @Integer({ min: 1, max: 1_000, optional: true, nullable: true, example: 10 })
  number?: number | null;
}

class Query {
  @QueryInteger({ min: 1, max: 100, standard: 20, description: 'How many' })
  count: number = 20;
}

const pipe = new InputPipe();

/** What the app makes of a body. */
const read = (body: object): Promise<Sample> =>
  Promise.resolve(pipe.transform(body, { type: 'body', metatype: Sample }) as Sample);

const readQuery = (query: object): Promise<Query> =>
  Promise.resolve(pipe.transform(query, { type: 'query', metatype: Query }) as Query);

async function problems(reading: () => Promise<object>): Promise<readonly FieldProblem[]> {
  try {
    await reading();
  } catch (error) {
    if (error instanceof ValidationError) return error.errors;
    throw error;
  }
  return [];
}

const brokenBy = async (fields: object): Promise<string[]> =>
  (await problems(() => read({ text: 'abc', ...fields }))).map(({ pointer, code }) => `${pointer} ${code}`);

describe('a field that is not there', () => {
  it('is a mistake where it is required', async () => {
    expect(await problems(() => read({}))).toEqual([{ pointer: '#/text', code: 'required', message: 'is required' }]);
  });

  it('is left out where it is optional', async () => {
    expect({ ...(await read({ text: 'abc' })) }).toEqual({ text: 'abc' });
  });

  it.each(['text', 'plain', 'email', 'colour', 'id'])('is something else than null: %s', async (name) => {
    expect(await brokenBy({ [name]: null })).toEqual([`#/${name} not_null`]);
  });

  it('is null where null has a meaning', async () => {
    expect(await read({ text: 'abc', word: null })).toMatchObject({ word: null });
  });
});

describe('a text', () => {
  it.each([
    ['a number', 5],
    ['a truth', true],
    ['a list', ['abc']],
    ['an object', { $ne: null }],
    ['an object that acts as a text', { length: 3, toString: 'abc' }],
  ])('is not %s, and nothing is converted (SEC-43, SEC-48)', async (_, value) => {
    for (const name of ['text', 'plain', 'word', 'email', 'colour', 'id']) {
      const code = name === 'colour' ? 'enum' : 'type';
      expect(await brokenBy({ [name]: value })).toEqual([`#/${name} ${code}`]);
    }
  });

  it.each([
    ['NUL', 'a\0b'],
    ['a lone high surrogate', 'a\uD83D'],
    ['a lone low surrogate', '\uDE00a'],
  ])('holds no %s, whatever else it must be (SEC-45)', async (_, value) => {
    for (const name of ['text', 'plain', 'word', 'email', 'id']) {
      expect(await brokenBy({ [name]: value })).toEqual([`#/${name} text`]);
    }
  });

  it.each([
    ['one too few', 'a', ['#/text min_length']],
    ['the fewest', 'ab', []],
    ['the most', 'abcde', []],
    ['one too many', 'abcdef', ['#/text max_length']],
    ['the most, each of two code units', '😀'.repeat(5), []],
    ['one too many of two code units', '😀'.repeat(6), ['#/text max_length']],
    ['one too few, though of two code units', '😀', ['#/text min_length']],
  ])('of %s characters is measured in code points (SEC-03)', async (_, text, broken) => {
    expect(await brokenBy({ text })).toEqual(broken);
  });

  it('is trimmed and lowered before it is measured, where the field says so', async () => {
    expect(await read({ text: 'abc', plain: '  ÀBCDE ' })).toMatchObject({ plain: 'àbcde' });
    expect(await brokenBy({ text: '  abc  ' })).toEqual(['#/text max_length']);
  });

  it('has the pattern, and says in its own words when it has not', async () => {
    expect(await problems(() => read({ text: 'abc', word: 'a1' }))).toEqual([
      { pointer: '#/word', code: 'pattern', message: 'Only letters' },
    ]);
  });
});

describe('an e-mail address', () => {
  it.each([
    ['Ada@Example.COM', 'ada@example.com'],
    ['ada+tag@mail.example.co.uk', 'ada+tag@mail.example.co.uk'],
    ["o'neil@example.com", "o'neil@example.com"],
    [`${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(58)}.de`, expect.stringMatching(/^.{254}$/)],
  ])('like %s is taken in lower case', async (given, taken) => {
    expect(await read({ text: 'abc', email: given })).toMatchObject({ email: taken });
  });

  it.each([
    ['', 'email'],
    ['ada', 'email'],
    ['ada@', 'email'],
    ['@example.com', 'email'],
    ['ada@localhost', 'email'],
    ['ada@example..com', 'email'],
    ['ada@example.com,bob@example.com', 'email'],
    ['Ada <ada@example.com>', 'email'],
    [' ada@example.com', 'email'],
    ['ada@example.com\n', 'email'],
    ['ada@example.com\r\nBcc: all@example.com', 'email'],
    ['"ada lovelace"@example.com', 'email'],
    ['ada(comment)@example.com', 'email'],
    ['ada@[127.0.0.1]', 'email'],
    ['àda@example.com', 'email'],
    [`${'a'.repeat(65)}@example.com`, 'email'],
    [`ada@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}.${'e'.repeat(56)}.de`, 'max_length'],
  ])('is not %j', async (email, code) => {
    expect(await brokenBy({ email })).toEqual([`#/email ${code}`]);
  });

  it('is refused in the words of the standard', async () => {
    expect(await problems(() => read({ text: 'abc', email: 'ada' }))).toMatchObject([
      { message: 'Invalid email format' },
    ]);
  });
});

describe('one of a closed set', () => {
  it.each([['blue'], ['RED'], ['red '], [''], ['__proto__'], ['toString']])('is not %j', async (colour) => {
    expect(await problems(() => read({ text: 'abc', colour }))).toEqual([
      { pointer: '#/colour', code: 'enum', message: 'must be one of red, green' },
    ]);
  });
});

describe('a whole number in a body', () => {
  it.each([1, 1_000, null])('is %j, as it was given', async (number) => {
    expect(await read({ text: 'abc', number })).toMatchObject({ number });
  });

  it.each([
    [0, 'minimum'],
    [-1, 'minimum'],
    [1_001, 'maximum'],
    [1.5, 'type'],
    [1e300, 'type'],
    ['10', 'type'],
    [true, 'type'],
    [[10], 'type'],
    [{}, 'type'],
  ])('is not %j, and nothing is converted (SEC-43)', async (number, code) => {
    expect(await brokenBy({ number })).toEqual([`#/number ${code}`]);
  });
});

describe('an id', () => {
  it.each([
    ['019A3B5E-7C1D-7F3A-9B2E-4D5C6F7A8B9C', []],
    ['019a3b5e7c1d7f3a9b2e4d5c6f7a8b9c', ['#/id min_length']],
    ['{019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9}', ['#/id max_length']],
    ['019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9g', ['#/id pattern']],
  ])('like %s is read or refused', async (id, broken) => {
    expect(await brokenBy({ id })).toEqual(broken);
  });
});

describe('what the body may hold beside its fields', () => {
  it.each(['role', 'text ', 'Text', 'constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'is nothing: %s is unknown',
    async (name) => {
      const body = JSON.parse(`{ "text": "abc", ${JSON.stringify(name)}: 1 }`) as object;

      expect(await problems(() => read(body))).toMatchObject([{ pointer: `#/${name}`, code: 'unknown_field' }]);
    },
  );
});

describe('a whole number in a query', () => {
  it.each([
    ['1', 1],
    ['100', 100],
    ['007', 7],
  ])('%s is %d', async (text, number) => {
    expect(await readQuery({ count: text })).toEqual({ count: number });
  });

  it('has its standard value when it is not given', async () => {
    expect(await readQuery({})).toEqual({ count: 20 });
  });

  it.each([
    ['0', 'minimum'],
    ['-1', 'minimum'],
    ['101', 'maximum'],
    ['1e1', 'type'],
    ['1.0', 'type'],
    ['0x10', 'type'],
    ['', 'type'],
    [' 1', 'type'],
    ['١', 'type'],
    ['9'.repeat(400), 'type'],
    ['NaN', 'type'],
    ['Infinity', 'type'],
  ])('is not %s', async (text, code) => {
    expect(await problems(() => readQuery({ count: text }))).toMatchObject([{ pointer: '?count', code }]);
  });

  it('is given once (SEC-43)', async () => {
    expect(await problems(() => readQuery({ count: ['1', '2'] }))).toMatchObject([
      { pointer: '?count', code: 'repeated' },
    ]);
  });
});
