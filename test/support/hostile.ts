import fc, { type Arbitrary } from 'fast-check';

/** Texts that somebody who means harm, or a broken client, would try. */
export const hostileText: Arbitrary<string> = fc.oneof(
  fc.constantFrom('', ' ', '\0', 'a\0b', '\ud800', 'a\udc00b', '\ufeff', '\u202eevil', 'e\u0301', 'İ', '👩‍👩‍👧'),
  fc.constantFrom(
    "' OR 1=1 --",
    '"; DROP TABLE users; --',
    '{{7*7}}',
    '<script>',
    '../../etc/passwd',
    '%00',
    '\\',
    '*',
  ),
  fc.constantFrom('null', 'true', '-1', '1e9', '0x10', '9'.repeat(20), '1.5', 'NaN', '__proto__', 'constructor'),
  fc.constantFrom(
    'a\r\nx-injected: 1',
    '\u001b[31m',
    '\u0007',
    'a@b',
    '"a b"@example.com',
    `${'a'.repeat(250)}@example.com`,
  ),
  fc.integer({ min: 100, max: 7_000 }).map((length) => 'x'.repeat(length)),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

const nested = (levels: number): unknown => Array.from({ length: levels }).reduce<unknown>((inside) => [inside], {});

export const hostileValue: Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 2 ** 53, -(2 ** 63), 1e308, 5e-324),
  fc.constantFrom<unknown>([], {}, [null], { $ne: null }, { toString: 1 }, { length: 1e9 }, Array(1_001).fill(0)),
  fc.integer({ min: 1, max: 40 }).map(nested),
  fc.jsonValue({ maxDepth: 3 }),
);

/** Names of fields and parameters: of a prototype, of a column, of another system's query language. */
export const hostileName: Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'id',
    'role',
    'tenant_id',
    'password_hash',
    '$ne',
    'a.b',
    'a/b~',
    'a[b]',
  ),
  hostileText,
);

/** What stands where JSON should, as latin1 text. */
export const notQuiteJson: Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '',
    '{',
    '[]',
    '"x"',
    'null',
    '1',
    '{"a":1,"a":2}',
    '{"__proto__":{}}',
    '{"constructor":{"prototype":{}}}',
  ),
  fc.constantFrom('\xef\xbb\xbf{}', '{"email":"\xff"}', '{"a":1e999}', '{"a":01}', '[1,]', ' '.repeat(102_401)),
  fc.constantFrom('['.repeat(21), '['.repeat(50_000), `${'{"a":'.repeat(30)}1${'}'.repeat(30)}`),
  fc.string({ unit: 'binary-ascii', maxLength: 50 }),
);

export const otherMediaType: Arbitrary<string> = fc.constantFrom(
  'text/plain',
  'application/json; charset=latin1',
  'application/json;',
  'application/problem+json',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  '',
);

/** A path segment, a name or a value of a query that no encoder would make. */
export const brokenEncoding: Arbitrary<string> = fc.constantFrom(
  '%',
  '%zz',
  '%00',
  '%F0',
  '%ED%A0%80',
  '%2e%2e',
  "'",
  '|',
  '"',
  '%2F',
);

type Header = readonly [name: string, value: string];

/** As far as they can be sent: no control characters. */
const headerText = fc.oneof(
  fc.constantFrom('', ' ', '*', '\xff\xfe', '../../x', '${jndi:ldap://x}', "' OR 1=1 --", 'x'.repeat(4_000)),
  fc.string({ unit: 'binary-ascii', maxLength: 70 }).map((text) => text.replaceAll(/[^ -~]/g, '')),
);

const NAMES = [
  'user-agent',
  'x-request-id',
  'x-forwarded-for',
  'forwarded',
  'x-user-id',
  'x-tenant-id',
  'origin',
  'cookie',
  'accept',
];
const MORE = [
  'accept-encoding',
  'if-none-match',
  'range',
  'referer',
  'idempotency-key',
  'x-http-method-override',
  'traceparent',
];

/** Beside a credential, or in its place. */
export const hostileHeaders: Arbitrary<Header[]> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Header[]>([]) },
  { weight: 3, arbitrary: fc.array(fc.tuple(fc.constantFrom(...NAMES, ...MORE), headerText), { maxLength: 4 }) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        '',
        'Bearer',
        'Bearer x',
        'Bearer x y',
        'Basic YTpi',
        'Bearer e30.e30.',
        `Bearer ${'x'.repeat(5_000)}`,
      )
      .map((text): Header[] => [['authorization', text]]),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(99, 120)
      .map((count) => Array.from({ length: count }, (_, at): Header => [`x-${at}`, 'x'])),
  },
);
