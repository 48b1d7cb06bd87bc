import { Keyring, UnsealableError } from '../../src/common/keyring.js';
import { readSettings } from '../../src/config/read-settings.js';

const OLD = 'old:ring-7hG2kQ9xW4mZ8vB1nC5pL3sD6fJ0tR';
const NEW = 'new:ring-R8tY2uI4oP6aS1dF3gH5jK7lZ9xC0v';

const keyringOf = (...ring: string[]) => new Keyring(readSettings({ SECRET_KEY: ring.join(',') }));

const keyring = keyringOf(NEW, OLD);
const { key_id, sealed } = keyring.seal('outbox', 'a secret', 'row 1');

describe('Keyring', () => {
  it('makes new things with the first key of the ring and knows all of them', () => {
    expect(keyring.current).toBe('new');
    expect(key_id).toBe('new');
    expect(['new', 'old', 'lost'].map((kid) => keyring.has(kid))).toEqual([true, true, false]);
  });

  it('derives 256 bits that depend on purpose and key and on nothing else', () => {
    const key = keyring.derive('outbox');

    expect(key).toHaveLength(32);
    expect(keyringOf(NEW).derive('outbox').equals(key)).toBe(true);
    expect(keyring.derive('outbox', 'new').equals(key)).toBe(true);
    expect(keyring.derive('access-token').equals(key)).toBe(false);
    expect(keyring.derive('outbox', 'old').equals(key)).toBe(false);
  });

  it('derives the same key from one version of the code to the next', () => {
    // openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt key:ring-... -kdfopt info:omni/outbox HKDF
    expect(keyringOf(OLD).derive('outbox').toString('hex')).toBe(
      '8742fd4657c646cf4613b25174e9e128fe7ddc3610a9e870cfa6a199a52dd600',
    );
  });

  it('seals so that nothing of the text shows, and never the same way twice', () => {
    expect(sealed.includes('a secret')).toBe(false);
    expect(keyring.seal('outbox', 'a secret', 'row 1').sealed.equals(sealed)).toBe(false);
  });

  it('opens what an older key of the ring has sealed', () => {
    const before = keyringOf(OLD).seal('outbox', 'Grüße', 'row 1');

    expect(keyring.open('outbox', before.key_id, before.sealed, 'row 1').toString()).toBe('Grüße');
  });

  it.each<[what: string, open: () => Buffer]>([
    ['in another place', () => keyring.open('outbox', key_id, sealed, 'row 2')],
    ['for another purpose', () => keyring.open('totp', key_id, sealed, 'row 1')],
    ['with another key', () => keyring.open('outbox', 'old', sealed, 'row 1')],
    ['with a key that has left the ring', () => keyringOf(OLD).open('outbox', key_id, sealed, 'row 1')],
    ['when it is cut short', () => keyring.open('outbox', key_id, sealed.subarray(0, -1), 'row 1')],
    ['when it is shorter than nonce and tag', () => keyring.open('outbox', key_id, sealed.subarray(0, 20), 'row 1')],
  ])('does not open %s', (_, open) => {
    expect(open).toThrow(UnsealableError);
  });

  it('does not open when any single byte was changed', () => {
    for (let index = 0; index < sealed.length; index++) {
      const changed = Buffer.from(sealed);
      changed[index]! ^= 1;
      expect(() => keyring.open('outbox', key_id, changed, 'row 1')).toThrow(UnsealableError);
    }
  });
});
