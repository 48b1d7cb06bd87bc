import { randomBytes } from 'node:crypto';

/** The beginning says whose row it is, the rest is 256 random bits in base64url. */
const KEY = /^ak_([0-9a-f]{32})_[\w-]{43}$/;
const SECRET_BYTES = 32;

/** What a credential can be told to be an API key by, whether or not it is one. */
export const looksLikeKey = (credential: string): boolean => credential.startsWith('ak_');

/** How all keys of this id begin: enough to tell which one it is, and no secret. */
export const prefixOf = (id: string): string => `ak_${id.replaceAll('-', '')}`;

export const newKey = (id: string): string => `${prefixOf(id)}_${randomBytes(SECRET_BYTES).toString('base64url')}`;

/** @returns which row the key names; null where it is none of our keys. */
export function idIn(key: string): string | null {
  const hex = KEY.exec(key)?.[1];
  return hex?.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') ?? null;
}
