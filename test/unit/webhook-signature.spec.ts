import { sign, verify } from '../../src/payments/provider-events/signature.js';

const BODY = Buffer.from('{"id":"evt_1","amount":1}');
const NOW = 1_800_000_000_000;
const SECONDS = NOW / 1_000;

describe('F11: a signature', () => {
  it('proves the bytes', () => {
    expect(() => verify(sign('secret', SECONDS, BODY), BODY, ['secret'], NOW)).not.toThrow();
  });

  it.each<[string, unknown, Buffer, string[]]>([
    ['is missing', undefined, BODY, ['secret']],
    ['is no text', ['t=1'], BODY, ['secret']],
    ['is empty', '', BODY, ['secret']],
    ['has no time', sign('secret', SECONDS, BODY).replace(/t=\d+,/, ''), BODY, ['secret']],
    ['has another time', sign('secret', SECONDS, BODY).replace(/t=\d+/, `t=${SECONDS - 1}`), BODY, ['secret']],
    ['has no digest', `t=${SECONDS}`, BODY, ['secret']],
    ['is of another scheme', sign('secret', SECONDS, BODY).replace('v1=', 'v0='), BODY, ['secret']],
    ['is of another secret', sign('another', SECONDS, BODY), BODY, ['secret']],
    ['is of other bytes', sign('secret', SECONDS, BODY), Buffer.from('{"id":"evt_1","amount":2}'), ['secret']],
    [
      'is of the same JSON, written otherwise',
      sign('secret', SECONDS, BODY),
      Buffer.from('{"id": "evt_1", "amount": 1}'),
      ['secret'],
    ],
    ['is 301 seconds old', sign('secret', SECONDS - 301, BODY), BODY, ['secret']],
    ['is 301 seconds ahead', sign('secret', SECONDS + 301, BODY), BODY, ['secret']],
    ['meets no secret', sign('secret', SECONDS, BODY), BODY, []],
  ])('is refused that %s', (_, header, body, secrets) => {
    expect(() => verify(header, body, secrets, NOW)).toThrow('The signature is missing, wrong or too old');
  });

  it.each([-300, 300])('may be %d seconds away', (seconds) => {
    expect(() => verify(sign('secret', SECONDS + seconds, BODY), BODY, ['secret'], NOW)).not.toThrow();
  });

  it('may be by either secret while they are rotated, and one of several', () => {
    const both = `${sign('new', SECONDS, BODY)},${sign('old', SECONDS, BODY).split(',')[1]}`;
    for (const secrets of [['new', 'old'], ['new'], ['old']])
      expect(() => verify(both, BODY, secrets, NOW)).not.toThrow();
  });
});
