import { idIn, newKey, prefixOf } from '../../src/auth/api-keys/key-text.js';
import { SeenKeys } from '../../src/auth/api-keys/seen-keys.js';
import { hashOfToken } from '../../src/common/one-time-token.js';
import { uuidv7 } from '../../src/common/uuid.js';
import { Timings } from '../../src/config/timings.js';

describe('the text of a key', () => {
  it('names its row, and holds 256 bits beside', () => {
    const id = uuidv7();
    const [one, other] = [newKey(id), newKey(id)];

    expect(idIn(one)).toBe(id);
    expect(one.startsWith(`${prefixOf(id)}_`)).toBe(true);
    expect(Buffer.from(one.slice(-43), 'base64url')).toHaveLength(32);
    expect(one).not.toBe(other);
  });
});

describe('the memory of keys', () => {
  it('knows ten thousand at most, and forgets first what it has not seen the longest', async () => {
    const seen = new SeenKeys(new Timings());
    const keys = Array.from({ length: 10_001 }, () => uuidv7()).map((id) => ({ id, key: newKey(id) }));
    const [first, second] = keys;
    for (const { id, key } of keys.slice(0, 10_000)) seen.remember(hashOfToken(key), id);
    seen.remember(hashOfToken(first!.key), first!.id);
    seen.remember(hashOfToken(keys.at(-1)!.key), keys.at(-1)!.id);
    const ask = ({ key }: { key: string }) => seen.findKey(`Bearer ${key}`);

    expect(await ask(first!)).toBe(first!.id);
    expect(await ask(second!)).toBeNull();
    expect(await ask(keys.at(-1)!)).toBe(keys.at(-1)!.id);
  });

  it('knows nothing of what is no key', async () => {
    const seen = new SeenKeys(new Timings());

    for (const header of ['', 'Bearer', 'Bearer ak_', 'Basic ak_x', 'Bearer eyJ.e30.x']) {
      expect(await seen.findKey(header)).toBeNull();
    }
  });
});
