import fc from 'fast-check';
import { PIIRedactionFilter } from '../../src/common/logging/pii-redaction.js';

const filter = new PIIRedactionFilter();
const told = (value: unknown): string => JSON.stringify(filter.redact(value));

const ID = '0198b5e2-7f3a-7c11-8a54-3f1c9d2e6b70';
const TOKEN = 'R3x_m0Zc-9kQ2vT7wYb1LpN4sHd8JfGuEaXoCiVtM5K';

describe('a field by its name', () => {
  it.each(
    (
      'password passwd current_password passwordHash client_secret token accessToken refresh_token mfa-token ' +
      'Authorization cookie Set-Cookie X-Api-Key APIKEY otp totp code recovery_codes refresh hash salt private_key ' +
      'card card_number pan cvc CVV iban account_number ssn tax_id email E-Mail userEmail phone name full_name ' +
      'firstName username address ipAddress dob ip client-ip body query headers parameters'
    ).split(' '),
  )('%s is hidden at any depth', (key) => {
    expect(filter.redact({ a: [{ b: { [key]: 'ada' } }] })).toEqual({ a: [{ b: { [key]: '[redacted]' } }] });
    expect(filter.redact({ [key]: { of: 'ada' } })).toEqual({ [key]: '[redacted]' });
    expect(filter.redact({ [key]: 123_456 })).toEqual({ [key]: '[redacted]' });
  });

  it.each(
    'status_code error_code handler hostname route description discard recipient company spanId expires_in hash_ms'.split(
      ' ',
    ),
  )('%s says something else', (key) => {
    const value = key === 'hash_ms' ? true : 'plain';
    expect(filter.redact({ [key]: value })).toEqual({ [key]: value });
  });

  it('tells whether something is set', () => {
    const known = { email_verified: true, password: null, token: undefined };
    expect(filter.redact(known)).toEqual({ email_verified: true, password: null });
  });

  it('tells the network of an address', () => {
    const networks = { ip: '203.0.113.0/24', client_ip: '2001:db8:1::/48' };
    expect(filter.redact(networks)).toEqual(networks);
  });

  it('is looked at itself', () => {
    expect(filter.redact(new Map([['ada@example.com', 1]]))).toEqual({ '[email]': 1 });
  });
});

describe('a text', () => {
  it.each([
    ['ada@example.com is taken', '[email] is taken'],
    ['ada%40example.com', '[email]'],
    ['Authorization: Bearer abc.def', 'Authorization: [value] [token]'],
    ['sent eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln to it', 'sent [token] to it'],
    ['ak_0a1b2c3d rt_0a1b2c3d sk_live_0a1b2c3d whsec_MfKQ9r8=', '[key] [key] [key] [key]'],
    ['pi_3Abc_secret_Def456', '[key]'],
    [`/account/reset-password#${TOKEN}`, '/account/reset-password#[token]'],
    ['card 4242 4242 4242 4242, 4000-0566-5566-5556, 378282246310005', 'card [card], [card], [card]'],
    ['4000 4242 4242 4242 4242', '4000 [card]'],
    ['from DE89 3704 0044 0532 0130 00 to gb82west12345698765432', 'from [iban] to [iban]'],
    ['call +49 30 1234567 or +4915112345678', 'call [phone] or [phone]'],
    ['203.0.113.7:5432, 2001:db8::1 and ::ffff:203.0.113.7', '[ip]:5432, [ip] and [ip]'],
    ['redis://:p%40ss@cache:6379/0', 'redis://[credentials]@cache:6379/0'],
    ['smtp://ada@example.com:p@ss@mail:25', 'smtp://[credentials]@mail:25'],
    ['$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA was stored', '[hash] was stored'],
    ['GET /reset?token=abc&x=1', 'GET /reset?token=[value]&x=[value]'],
    ['{"password":"two words","a":1} and password=hunter2', '{"password":[value],"a":1} and password=[value]'],
    [String.raw`{\"password\":\"two words\"}`, String.raw`{\"password\":[value]}`],
    ['Key (username_key)=(ada) already exists.', 'Key (username_key)=([value]) already exists.'],
    ['Failing row contains (1, Ada Lovelace, null).', 'Failing row contains ([value]'],
    ['invalid input syntax for type uuid: "Ada Lovelace"', 'invalid input syntax for type uuid: "[value]"'],
    [`Unexpected token 'A', "Ada Lovelace" is not valid JSON`, `Unexpected token 'A', "[value]" is not valid JSON`],
  ])('%s', (text, shown) => {
    expect(filter.redactText(text)).toBe(shown);
  });

  it.each([
    ID,
    `job ${ID}:3`,
    'A request.id-of_64.characters-0123456789-0123456789-0123456789.abcd'.slice(2),
    'POST /api/v1/users/:id/logout 204',
    '2026-11-22T23:30:45.123Z, 2026-11-22 23:30:45+02:00, 1795390245123',
    '203.0.113.0/24 and 2001:db8:1::/48',
    'at Foo.bar (file:///srv/node_modules/@nestjs/core/index.js:10:5)',
    '4242424242424241 has a wrong check digit, 0.4242424242424242 is a fraction',
    'duplicate key value violates unique constraint "users_email_key"',
  ])('stays readable: %s', (text) => {
    expect(filter.redactText(text)).toBe(text);
  });

  it('keeps any UUID', () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        expect(filter.redactText(`row ${id}:1`)).toBe(`row ${id}:1`);
      }),
      { numRuns: 2_000 },
    );
  });

  it('cannot reach past its line, nor turn it round (L4)', () => {
    expect(filter.redactText('a\r\n{"level":"fatal"}\u001b[2J\u202e\u2028\u0085\ud800')).toBe(
      String.raw`a\r\n{"level":"fatal"}\u001b[2J\u202e\u2028\u0085\ud800`,
    );
  });
});

describe('an error', () => {
  const failure = Object.assign(new Error('ada@example.com\n    at forged (evil.js:1:1)'), {
    code: '23505',
    detail: 'Key (full_name)=(Ada Lovelace)',
    parameters: ['Ada Lovelace'],
    driverError: { query: 'Ada Lovelace' },
  });

  it('is told by type, code, message and frames, and so is its cause', () => {
    expect(filter.redact({ error: new TypeError('outer', { cause: failure }) })).toEqual({
      error: {
        type: 'TypeError',
        message: 'outer',
        stack: expect.arrayContaining([expect.stringMatching(/^at .*redaction\.spec\.ts:\d+/)]),
        cause: {
          type: 'Error',
          error_code: '23505',
          message: String.raw`[email]\n    at forged (evil.js:1:1)`,
          stack: expect.not.arrayContaining([expect.stringContaining('evil.js')]),
        },
      },
    });
  });

  it('brings those that it stands for', () => {
    const both = new AggregateError([failure, new Error('second')], 'none of two');
    expect(filter.redact(both)).toMatchObject({
      message: 'none of two',
      errors: [{ error_code: '23505' }, { message: 'second' }],
    });
  });
});

describe('a copy', () => {
  it('is plain data', () => {
    const values = [
      new Date(0),
      new Date(Number.NaN),
      new URL('https://a.b/c?d=e'),
      Buffer.from('ada'),
      new Set([1n]),
      Number.NaN,
    ];
    expect(filter.redact([...values, () => 1, Symbol('a'), undefined])).toEqual([
      '1970-01-01T00:00:00.000Z',
      'Invalid Date',
      'https://a.b/c?d=[value]',
      '[3 bytes]',
      ['1'],
      Number.NaN,
      null,
      null,
      null,
    ]);
    expect(filter.redact(4242424242424242)).toBe('[card]');
  });

  it('is bounded: texts, lists, depth, bytes', () => {
    const copy = filter.redact({
      text: 'é'.repeat(5_000),
      list: Array(50).fill(1),
      deep: { 2: { 3: { 4: { 5: { 6: {} } } } } },
    }) as any;
    expect(copy.text).toHaveLength(1_024);
    expect(copy.list).toHaveLength(20);
    expect(told(copy.deep)).toContain('[deep]');
    expect(Buffer.byteLength(told(Array(20).fill(Array(20).fill('漢'.repeat(1_000)))))).toBeLessThan(8_000);
  });

  it('does not show the half of a secret that a cut leaves', () => {
    for (let length = 900; length < 2_100; length += 7) {
      const text = `${'x'.repeat(length)} ada.lovelace@example.com ${'y'.repeat(2_000)}`;
      expect(filter.redactText(text)).not.toContain('lovelace');
    }
  });

  it('of something that contains itself ends', () => {
    const self: Record<string, unknown> = {};
    self['self'] = [self];
    expect(filter.redact(self)).toEqual({ self: ['[circular]'] });
  });

  it('of something that many share is no larger for it', () => {
    let shared: unknown = 'leaf';
    for (let level = 0; level < 6; level++) shared = Array(20).fill(shared);
    expect(Buffer.byteLength(told(shared))).toBeLessThan(8_000);
  });

  it('of something hostile is made without an error', () => {
    const hostile = {
      get trap(): never {
        throw new Error('no');
      },
    };
    expect(filter.redact({ a: 1, hostile })).toEqual({ a: 1, hostile: '[unreadable]' });
    expect(filter.redact(JSON.parse('{"__proto__":{"a":1}}'))).toEqual(JSON.parse('{"__proto__":{"a":1}}'));
  });

  it('never throws and always is one line of JSON of less than 8 KB', () => {
    fc.assert(
      fc.property(
        fc.anything({ withMap: true, withSet: true, withDate: true, withBigInt: true, withNullPrototype: true }),
        (value) => {
          const line = told({ value });
          expect(Buffer.byteLength(line)).toBeLessThan(8_000);
          // oxlint-disable-next-line no-control-regex
          expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2028]/);
        },
      ),
    );
  });
});
