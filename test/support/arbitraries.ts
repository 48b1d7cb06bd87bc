import fc, { type Arbitrary } from 'fast-check';
import { followed, type Operation, type Schema } from './document.js';
import {
  brokenEncoding,
  hostileHeaders,
  hostileName,
  hostileText,
  hostileValue,
  notQuiteJson,
  otherMediaType,
} from './hostile.js';

/** A request as it goes over the wire, which a well-behaved client could not always send. */
export interface Shot {
  /** Path and query. `{own}`, `{other}` and `{foreign}` stand for ids that exist when it is sent. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Bytes, as latin1 text. */
  readonly body: string | null;
}

/** Texts that mean something to the service, by the name of their field. */
export type Known = Readonly<Record<string, readonly string[]>>;

/** Requests that are right, nearly right and hostile, for what the document says of an operation. */
export const shotsAt = (operation: Operation, known: Known): Arbitrary<Shot> =>
  fc
    .tuple(pathOf(operation), queryOf(operation, known), bodyOf(operation, known), hostileHeaders, keysOf(operation))
    .map(([path, query, { type, body }, headers, keys]) => ({
      target: query ? `${path}?${query}` : path,
      headers: [...(type === null ? [] : [['content-type', type] as const]), ...keys, ...headers],
      body,
    }));

/** The headers that an operation wants: nearly always, and of no use to anybody else. */
function keysOf({ parameters }: Operation): Arbitrary<readonly (readonly [name: string, value: string])[]> {
  const wanted = parameters.filter((parameter) => parameter.in === 'header' && parameter.required);
  const given = fc.tuple(...wanted.map(({ name }) => fc.uuid().map((value) => [name.toLowerCase(), value] as const)));
  return fc.oneof({ weight: 9, arbitrary: given }, { weight: 1, arbitrary: fc.constant<[]>([]) });
}

const often = <T>(right: Arbitrary<T>, wrong: Arbitrary<T>): Arbitrary<T> =>
  fc.oneof({ weight: 3, arbitrary: right }, { weight: 1, arbitrary: wrong });

function pathOf({ path }: Operation): Arbitrary<string> {
  if (!path.includes('{')) return often(fc.constant(path), fc.constant(`${path}/`));
  const right = fc.oneof(fc.constantFrom('{own}', '{other}', '{foreign}'), fc.uuid());
  const wrong = fc.oneof(
    hostileText.filter((text) => text !== '').map(encode),
    brokenEncoding,
    fc.constant('x'.repeat(9_000)),
  );
  return often(right, wrong).map((id) => path.replace(/\{\w+\}/, () => id));
}

/** Percent-encoded, without what cannot be. */
const encode = (text: string): string => encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '�'));

/** Any selection of the parameters; sometimes one that is wrong, unknown or repeated. */
function queryOf({ parameters }: Operation, known: Known): Arbitrary<string> {
  const declared = parameters.filter((parameter) => parameter.in === 'query');
  const right = fc
    .subarray(declared)
    .chain((chosen) =>
      fc.tuple(
        ...chosen.map(({ name, schema }) =>
          valid(schema, known[name]).map((value) => `${name}=${encode(String(value))}`),
        ),
      ),
    );
  const name = fc.oneof(
    ...declared.map((parameter) => fc.constant(parameter.name)),
    hostileName.map(encode),
    brokenEncoding,
  );
  const value = fc.oneof(hostileText.map(encode), brokenEncoding);
  const wrong = fc.array(
    fc.tuple(name, value).map((pair) => pair.join('=')),
    { minLength: 1, maxLength: 3 },
  );
  const mixed = fc.tuple(right, often(fc.constant<string[]>([]), wrong)).map((parts) => parts.flat());
  return (declared.length > 0 ? mixed : often(fc.constant<string[]>([]), wrong)).map((parts) => parts.join('&'));
}

interface Sent {
  readonly type: string | null;
  readonly body: string | null;
}

const JSON_TYPE = 'application/json';
const NOTHING: Sent = { type: null, body: null };
/** What UTF-8 cannot carry, JSON escapes. */
const asJson = (value: unknown): Sent => ({
  type: JSON_TYPE,
  body: Buffer.from(JSON.stringify(value)).toString('latin1'),
});

function bodyOf({ requestBody }: Operation, known: Known): Arbitrary<Sent> {
  const rubbish = fc.oneof(
    hostileValue.map(asJson),
    fc.record({ type: fc.constant(JSON_TYPE), body: notQuiteJson }),
    fc.record({ type: otherMediaType, body: notQuiteJson }),
  );
  const schema = requestBody?.content[JSON_TYPE]?.schema;
  if (!schema) return fc.oneof({ weight: 9, arbitrary: fc.constant(NOTHING) }, { weight: 1, arbitrary: rubbish });
  const fields = object(followed(schema), known);
  return fc.oneof(
    { weight: 3, arbitrary: fields.map(asJson) },
    { weight: 4, arbitrary: nearly(fields).map(asJson) },
    { weight: 2, arbitrary: rubbish },
    { weight: 1, arbitrary: fc.constant(NOTHING) },
  );
}

type Fields = Record<string, unknown>;

/** One field is wrong, missing, or not one that there is. */
const nearly = (fields: Arbitrary<Fields>): Arbitrary<Fields> =>
  fc
    .tuple(fields, fc.nat(), hostileName, hostileValue, fc.constantFrom('wrong', 'missing', 'unknown'))
    .map(([right, at, unknown, value, how]) => {
      const names = Object.keys(right);
      const name = (how === 'unknown' ? undefined : names[at % names.length]) ?? unknown;
      const rest = Object.entries(right).filter(([one]) => one !== name);
      return Object.fromEntries(how === 'missing' ? rest : [...rest, [name, value]]);
    });

function object({ properties = {}, required = [] }: Schema, known: Known): Arbitrary<Fields> {
  const fields = Object.entries(properties).map(([name, schema]) => [name, valid(schema, known[name])] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [...required] });
}

/** A value that the schema allows; every other time one that means something, where there is one. */
function valid(reference: Schema, meaningful: readonly string[] = []): Arbitrary<unknown> {
  const schema = followed(reference);
  const types = [schema.type ?? 'string'].flat();
  const any = schema.enum ? fc.constantFrom(...schema.enum) : fc.oneof(...types.map((type) => ofType(type, schema)));
  return meaningful.length > 0 ? fc.oneof(any, fc.constantFrom(...meaningful)) : any;
}

function ofType(type: string, schema: Schema): Arbitrary<unknown> {
  if (type === 'null') return fc.constant(null);
  if (type === 'boolean') return fc.boolean();
  if (type === 'integer') return fc.integer({ min: schema.minimum ?? -(2 ** 31), max: schema.maximum ?? 2 ** 31 });
  if (type === 'array') return fc.array(valid(schema.items ?? {}), { maxLength: 5 });
  return type === 'object' ? object(schema, {}) : text(schema);
}

function text({ format, pattern, minLength = 0, maxLength = 100 }: Schema): Arbitrary<string> {
  if (format === 'uuid') return fc.uuid();
  if (format === 'email') return fc.stringMatching(/^[a-z0-9]{1,20}@(example|EXAMPLE)\.(com|org)$/);
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  const fits = (some: string): boolean => [...some].length >= minLength && [...some].length <= maxLength;
  if (pattern) return fc.stringMatching(new RegExp(pattern)).filter(fits);
  return fc
    .string({ unit: 'grapheme-composite', minLength, maxLength: Math.min(maxLength, minLength + 30) })
    .filter(fits);
}
