/** The secrets that keys are derived from: the first makes new things, all of them read old ones. */
export type KeyRing = ReadonlyMap<string, string>;

const KID = /^([A-Za-z0-9_-]{1,16}):(.*)$/s;
const MIN_BYTES = 32;

/**
 * Reads `kid:secret,kid:secret`. A value that does not begin with a key id is one secret, whatever it holds, with kid `1`.
 * @throws {Error} a secret is shorter than 32 bytes, or a key id stands twice.
 */
export function parseKeyRing(value: string): KeyRing {
  const entries = KID.test(value) ? value.split(',').map(readEntry) : ([['1', value]] as [string, string][]);
  const ring = new Map(entries);
  if (ring.size < entries.length) throw new Error('names a key id twice');
  return ring;
}

function readEntry(entry: string): [kid: string, secret: string] {
  const [, kid, secret] = KID.exec(entry.trim()) ?? [];
  if (!kid || secret === undefined)
    throw new Error('must be kid:secret by comma throughout once it begins with a key id');
  return [kid, secret];
}

/** What is wrong with the ring's secrets; null when nothing is. Never quotes a secret. */
export function ringMistake(ring: KeyRing, production: boolean): string | null {
  for (const secret of ring.values()) {
    if (Buffer.byteLength(secret) < MIN_BYTES) return `each secret must have at least ${MIN_BYTES} bytes`;
    if (production && looksLikeSample(secret)) return 'looks like a sample: make one with `openssl rand -base64 48`';
  }
  return null;
}

/** What documents and tutorials print, and what a person types who wants to get on. */
const looksLikeSample = (secret: string): boolean =>
  /change.?me|change.?this|example|sample|your.?secret|placeholder|secret.?key|password/i.test(secret) ||
  new Set(secret).size < 12;
