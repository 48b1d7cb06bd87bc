import { parseJson } from '../../src/common/json-body.js';

const parse = (text: string): unknown => parseJson(Buffer.from(text));

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const object = (keys: number): string =>
  JSON.stringify(Object.fromEntries(Array.from({ length: keys }, (_, at) => [`k${at}`, at])));
const list = (items: number): string => JSON.stringify(Array.from({ length: items }, () => 0));

describe('parseJson', () => {
  it.each([
    ['an object', '{"a":[1,2.5e3,null,true,"x"],"b":{"c":""}}'],
    ['structure within strings', '{"a":"[[[{{{,,,:::\\"","b":"\\\\"}'],
    ['text of every kind', '{"é\\u0041":"\\ud83d\\ude00 😀 \\n"}'],
    ['a bare value', ' 5 '],
    ['the word constructor as a name', '{"constructor":1}'],
    ['one name in two objects', '[{"a":1},{"a":{"a":2}}]'],
  ])('reads %s as JSON.parse does', (_, text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it.each([
    ['20 levels', nested(20), 'accepted'],
    ['21 levels', nested(21), 'malformed_request'],
    ['2,000 levels', nested(2_000), 'malformed_request'],
    ['100,000 levels', nested(100_000), 'malformed_request'],
    ['100,000 levels that never close', '{"a":'.repeat(100_000), 'malformed_request'],
    ['1,000 keys', object(1_000), 'accepted'],
    ['1,001 keys', object(1_001), 'malformed_request'],
    ['1,001 keys in several objects', `[${object(500)},${object(501)}]`, 'malformed_request'],
    ['1,000 items', list(1_000), 'accepted'],
    ['1,001 items', list(1_001), 'malformed_request'],
    ['two lists of 1,000 items', `[${list(1_000)},${list(1_000)}]`, 'accepted'],
    ['a million items', list(1_000_000), 'malformed_request'],
  ])('counts %s', (_, text, outcome) => {
    expect(codeOf(() => parse(text))).toBe(outcome);
  });

  it.each([
    ['nothing but spaces', '  '],
    ['half an object', '{"a":1'],
    ['a string that never ends', '{"a":"'],
    ['a trailing comma', '[1,]'],
    ['a colon out of place', '[:]'],
    ['a key for two colons', '{"a":1,:2}'],
    ['a key for a thousand colons', `["${'a'.repeat(50_000)}"${',[:]'.repeat(999)}]`],
    ['more closed than opened', '{}]]]'],
    ['single quotes', "{'a':1}"],
    ['a comment', '{} // done'],
    ['NaN', '[NaN]'],
    ['a raw control character', '["\u0001"]'],
    ['a byte order mark', '\uFEFF{}'],
    ['__proto__', '{"a":{"__proto__":{"admin":true}}}'],
    ['__proto__ in disguise', '{"\\u005f_proto__":1}'],
    ["a constructor's prototype", '{"constructor":{"prototype":{}}}'],
    ['a name that stands twice', '{"amount":1,"amount":2}'],
    ['a name that stands twice in disguise', '{"amount":1,"\\u0061mount":2}'],
  ])('refuses %s as malformed_json', (_, text) => {
    expect(codeOf(() => parse(text))).toBe('malformed_json');
  });

  it.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['an encoded surrogate', [0xed, 0xa0, 0x80]],
    ['a sequence cut short', [0xf0, 0x9f, 0x98]],
  ])('refuses %s as malformed_json', (_, bytes) => {
    expect(codeOf(() => parseJson(Buffer.from([0x22, ...bytes, 0x22])))).toBe('malformed_json');
  });

  it('lets nobody reach into a prototype', () => {
    codeOf(() => parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'));

    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
