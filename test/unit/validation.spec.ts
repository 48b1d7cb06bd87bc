import type { ArgumentMetadata } from '@nestjs/common';
import { Type } from 'class-transformer';
import { ValidateNested } from 'class-validator';
import { Text } from '../../src/common/fields.js';
import { PageQuery } from '../../src/common/pagination.js';
import { ValidationError, type FieldProblem } from '../../src/common/service-error.js';
import { InputPipe } from '../../src/common/validation.js';

class Line {
  @Text({ min: 1, max: 5, example: 'a' })
  'a/b~c'!: string;
}

class Order {
  @Text({ min: 2, max: 5, example: 'Shoes', pattern: { test: /^[a-z]*$/i, message: 'must be letters' } })
  title!: string;

  @Text({ max: 5, optional: true, example: 'Soon' })
  note?: string;

  @ValidateNested({ each: true })
  @Type(() => Line)
  lines: Line[] = [];
}

class Filter {
  @Text({ max: 5, optional: true, example: 'a' })
  q?: string;
}

const pipe = new InputPipe();

async function outcome(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
  try {
    return await pipe.transform(value, metadata);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    return error.errors;
  }
}
const body = (value: unknown): Promise<unknown> => outcome(value, { type: 'body', metatype: Order });
const query = (value: unknown, metatype: ArgumentMetadata['metatype'] = PageQuery): Promise<unknown> =>
  outcome(value, { type: 'query', metatype });

describe('a body', () => {
  it('becomes an instance of its DTO', async () => {
    const order = await body({ title: 'Shoes', lines: [{ 'a/b~c': 'x' }] });

    expect(order).toBeInstanceOf(Order);
    expect((order as Order).lines[0]).toBeInstanceOf(Line);
  });

  it.each([
    ['a field that is missing', {}, '#/title', 'required'],
    ['null', { title: null }, '#/title', 'not_null'],
    ['null where a field may be absent', { title: 'ab', note: null }, '#/note', 'not_null'],
    ['another type', { title: { $ne: null } }, '#/title', 'type'],
    ['too little', { title: 'a' }, '#/title', 'min_length'],
    ['too much', { title: 'abcdef' }, '#/title', 'max_length'],
    ['the first of several broken rules only', { title: '1' }, '#/title', 'min_length'],
    ['a pattern', { title: '12' }, '#/title', 'pattern'],
    ['a field that does not exist', { title: 'ab', role: 'admin' }, '#/role', 'unknown_field'],
    ['a field that every object has', { title: 'ab', constructor: 1 }, '#/constructor', 'unknown_field'],
    [
      'the same further down',
      { title: 'ab', lines: [{ 'a/b~c': 'x', constructor: 1 }] },
      '#/lines/0/constructor',
      'unknown_field',
    ],
    ['a nested field, its name escaped', { title: 'ab', lines: [{ 'a/b~c': '' }] }, '#/lines/0/a~1b~0c', 'min_length'],
    ['a nested value that is no object', { title: 'ab', lines: ['x'] }, '#/lines/0', 'type'],
    ['no list where one belongs', { title: 'ab', lines: 7 }, '#/lines', 'type'],
    ['a list', [{ title: 'ab' }], '#', 'type'],
    ['text', 'title', '#', 'type'],
    ['a number', 5, '#', 'type'],
    ['null for the whole', null, '#', 'type'],
    ['no body', undefined, '#/title', 'required'],
  ])('names %s', async (_, value, pointer, code) => {
    expect(await body(value)).toEqual([{ pointer, code, message: expect.any(String) }]);
  });

  it('is {} when there is none and every field is optional', async () => {
    expect(await outcome(undefined, { type: 'body', metatype: Filter })).toEqual(new Filter());
  });

  it('is told at most twenty mistakes, in few bytes, without its values', async () => {
    const names = Array.from({ length: 900 }, (_, at) => [`${'x'.repeat(90_000 / 900)}${at}`, 'a secret']);

    const problems = (await body(Object.fromEntries(names))) as FieldProblem[];

    expect(problems).toHaveLength(20);
    expect(JSON.stringify(problems).length).toBeLessThan(4_096);
    expect(JSON.stringify(problems)).not.toContain('secret');
  });
});

describe('a query', () => {
  it('becomes an instance of its DTO, with numbers where numbers belong', async () => {
    expect(await query({ page: '2' })).toEqual({ page: 2, per_page: 20 });
  });

  it.each([
    ['a parameter that is given twice', { page: ['1', '2'] }, '?page', 'repeated'],
    ['one that does not exist', { size: '5' }, '?size', 'unknown_field'],
    ['one that every object has', { constructor: '5' }, '?constructor', 'unknown_field'],
    [
      'one that would be a prototype',
      Object.defineProperty({}, '__proto__', { value: '1', enumerable: true }),
      '?__proto__',
      'unknown_field',
    ],
    ['text for a number', { page: 'two' }, '?page', 'type'],
    ['an empty number', { page: '' }, '?page', 'type'],
    ['what is out of range', { per_page: '101' }, '?per_page', 'maximum'],
    ['a number below the range', { page: '0' }, '?page', 'minimum'],
  ])('names %s', async (_, value, pointer, code) => {
    expect(await query(value)).toEqual([{ pointer, code, message: expect.any(String) }]);
  });

  it('refuses NUL in text', async () => {
    expect(await query({ q: 'a\0' }, Filter)).toEqual([{ pointer: '?q', code: 'text', message: expect.any(String) }]);
  });
});

describe('a path parameter', () => {
  it('is left to the pipe that stands beside it', async () => {
    expect(await outcome('7', { type: 'param', data: 'id', metatype: Number })).toBe('7');
  });
});
