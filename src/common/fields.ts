import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ValidateBy, ValidateIf } from 'class-validator';
import { isEmailAddress } from '../config/addresses.js';

/**
 * Fields of the wire, each validated and documented from one statement. Absent is optional where it says so; null is a
 * mistake unless `nullable` gives it a meaning. The name of a broken rule, in snake_case, is the code in the problem.
 */
interface Field<Example = string> {
  readonly description?: string;
  readonly example: Example;
  readonly optional?: boolean;
  /** What null means is for the description to say. */
  readonly nullable?: boolean;
}

const rule = (name: string, message: string, holds: (value: unknown) => boolean): PropertyDecorator =>
  ValidateBy({ name, validator: { validate: holds, defaultMessage: () => message } });

/** JSON Schema counts characters as code points, and so does everybody but JavaScript. */
const codePoints = (value: unknown): number => [...(value as string)].length;

function field<Example>(
  { optional = false, nullable = false, ...documented }: Field<Example>,
  schema: ApiPropertyOptions,
  ...rules: PropertyDecorator[]
): PropertyDecorator {
  return applyDecorators(
    ApiProperty({ required: !optional, ...(nullable && { nullable }), ...documented, ...schema } as ApiPropertyOptions),
    ValidateIf((_, value) => !(optional && value === undefined) && !(nullable && value === null)),
    rule('required', 'is required', (value) => value !== undefined),
    rule('notNull', 'must not be null', (value) => value !== null),
    ...rules,
  );
}

type TextOptions = Field & {
  readonly min?: number;
  readonly max: number;
  readonly trim?: boolean;
  readonly lowerCase?: boolean;
  readonly pattern?: { readonly test: RegExp; readonly message: string };
  readonly format?: string;
};

/** A string. Refuses NUL and lone surrogates, which PostgreSQL cannot store; lengths are in code points. */
export function Text({ min = 0, max, trim, lowerCase, pattern, format, ...options }: TextOptions): PropertyDecorator {
  return field(
    options,
    {
      type: String,
      ...(min > 0 && { minLength: min }),
      maxLength: max,
      ...(pattern && { pattern: pattern.test.source }),
      ...(format && { format }),
    },
    Transform(({ value }: { value: unknown }) => {
      if (typeof value !== 'string') return value;
      const trimmed = trim ? value.trim() : value;
      return lowerCase ? trimmed.toLowerCase() : trimmed;
    }),
    rule('type', 'must be a string', (value) => typeof value === 'string'),
    rule('text', 'must hold no NUL and no lone surrogate', (value) => /^[^\0\p{Surrogate}]*$/u.test(value as string)),
    ...(min > 0
      ? [rule('minLength', `must have at least ${min} characters`, (value) => codePoints(value) >= min)]
      : []),
    rule('maxLength', `must have at most ${max} characters`, (value) => codePoints(value) <= max),
    ...(pattern ? [rule('pattern', pattern.message, (value) => pattern.test.test(value as string))] : []),
  );
}

/** An address in lower case. */
export const Email = (options: Omit<Field, 'example'> & { example?: string } = {}): PropertyDecorator =>
  applyDecorators(
    Text({ max: 254, lowerCase: true, format: 'email', example: 'ada@example.com', ...options }),
    rule('email', 'Invalid email format', (value) => isEmailAddress(value as string)),
  );

/** One of a closed set of words. */
export const OneOf = <const T extends string>(values: readonly T[], options: Field<T>): PropertyDecorator =>
  field(
    options,
    { type: String, enum: [...values] },
    rule('enum', `must be one of ${values.join(', ')}`, (value) => values.some((one) => one === value)),
  );

/** Yes or no. */
export const Flag = (options: Field<boolean>): PropertyDecorator =>
  field(
    options,
    { type: Boolean },
    rule('type', 'must be true or false', (value) => typeof value === 'boolean'),
  );

/** Some of a closed set of words, each once. */
export const SomeOf = <const T extends string>(values: readonly T[], options: Field<readonly T[]>): PropertyDecorator =>
  field(
    options,
    { type: 'array', items: { type: 'string', enum: [...values] }, minItems: 1, uniqueItems: true },
    rule('type', 'must be a list', (value) => Array.isArray(value)),
    rule('minItems', 'must have at least one item', (value) => (value as unknown[]).length > 0),
    rule('enum', `must hold ${values.join(', ')} only`, (value) =>
      (value as unknown[]).every((item) => values.some((one) => one === item)),
    ),
    rule(
      'unique',
      'must hold each item once',
      (value) => new Set(value as unknown[]).size === (value as unknown[]).length,
    ),
  );

/** A whole number in a body. */
export const Integer = ({ min, max, ...options }: Field<number> & { min: number; max: number }): PropertyDecorator =>
  field(options, { type: 'integer', minimum: min, maximum: max }, ...wholeNumber(min, max));

const wholeNumber = (min: number, max: number): PropertyDecorator[] => [
  rule('type', 'must be a whole number', (value) => Number.isSafeInteger(value)),
  rule('minimum', `must be at least ${min}`, (value) => (value as number) >= min),
  rule('maximum', `must be at most ${max}`, (value) => (value as number) <= max),
];

/** A whole number in a query string, where everything is text. */
export const QueryInteger = ({
  min,
  max,
  standard,
  description,
}: {
  min: number;
  max: number;
  standard: number;
  description: string;
}): PropertyDecorator =>
  field(
    { optional: true, description, example: standard },
    { type: 'integer', minimum: min, maximum: max, default: standard },
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value,
    ),
    ...wholeNumber(min, max),
  );

/**
 * A moment, in a body or a query: RFC 3339 in capitals, with an offset or `Z`, and a day that there is. The handler gets a
 * `Date`, which knows milliseconds.
 */
export const DateTime = (options: Field): PropertyDecorator =>
  field(
    options,
    { type: String, format: 'date-time' },
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? (momentOf(value) ?? value) : value)),
    rule('type', 'must be a string', (value) => typeof value === 'string' || value instanceof Date),
    rule(
      'dateTime',
      'must be a date and time with an offset, such as 2026-01-31T12:00:00Z',
      (value) => value instanceof Date,
    ),
  );

const MOMENT =
  /^(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** JavaScript takes the 30th of February for the 2nd of March. */
function momentOf(text: string): Date | undefined {
  const day = MOMENT.exec(text)?.[1];
  if (day === undefined || new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10) !== day) return undefined;
  return new Date(text);
}

/** An id in a body or a query. */
export const Id = (options: Field): PropertyDecorator =>
  Text({ min: 36, max: 36, format: 'uuid', pattern: { test: UUID, message: 'must be a UUID' }, ...options });

const UUID = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

export const isId = (value: string): boolean => UUID.test(value);

/** Yes or no in a query string. */
export const QueryFlag = (options: Omit<Field<boolean>, 'optional'>): PropertyDecorator =>
  field(
    { ...options, optional: true },
    { type: 'boolean' },
    Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value)),
    rule('type', 'must be true or false', (value) => typeof value === 'boolean'),
  );

/** A whole number in a query string that need not be there and has no default. */
export const QueryAmount = ({
  max,
  ...options
}: Omit<Field<number>, 'optional'> & { max: number }): PropertyDecorator =>
  field(
    { ...options, optional: true },
    { type: 'integer', minimum: 0, maximum: max },
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value,
    ),
    rule('type', 'must be a whole number', (value) => Number.isSafeInteger(value)),
    rule('maximum', `must be at most ${max}`, (value) => (value as number) <= max),
  );

/** Nobody's name in it, and as a URL is written: a parser mends what is none, leaves blanks out and adds slashes. */
const ABSOLUTE = /^https?:\/\/[^\s\p{Cc}/?#@\\]+(?:[/?#][^\s\p{Cc}\\]*)?$/iu;

/** A page that a browser may be sent to: absolute, http or https, and nobody's name in it. */
export const WebAddress = (options: Omit<Field, 'example'> & { example?: string }): PropertyDecorator =>
  applyDecorators(
    Text({ max: 2_048, format: 'uri', example: 'https://shop.example.com/orders/4711', ...options }),
    rule(
      'url',
      'must be an absolute http(s) URL without user info',
      (value) => ABSOLUTE.test(value as string) && URL.canParse(value as string),
    ),
  );

/** Texts of the client's own, by names of its own. */
export const Texts = ({
  keys,
  keyLength,
  valueLength,
  ...options
}: Field<object> & { keys: number; keyLength: number; valueLength: number }): PropertyDecorator =>
  field(
    options,
    { type: 'object', maxProperties: keys, additionalProperties: { type: 'string', maxLength: valueLength } },
    rule('type', 'must be an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
    rule('maxProperties', `must have at most ${keys} names`, (value) => Object.keys(value as object).length <= keys),
    rule('texts', `must hold texts of at most ${valueLength} characters under names of at most ${keyLength}`, (value) =>
      Object.entries(value as object).every(
        ([name, text]) =>
          storable(name) &&
          codePoints(name) <= keyLength &&
          name !== '' &&
          storable(text) &&
          codePoints(text) <= valueLength,
      ),
    ),
  );

const storable = (value: unknown): boolean => typeof value === 'string' && /^[^\0\p{Surrogate}]*$/u.test(value);
