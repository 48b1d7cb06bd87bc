import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What is stored of a secret that must be read again. */
export interface Sealed {
  /** Which key of the ring opens it. */
  readonly key_id: string;
  /** Nonce, tag, ciphertext. */
  readonly sealed: Buffer;
}

/** It cannot be read: its key has left the ring, or it is not what was sealed, or not where it was sealed for. */
export class UnsealableError extends Error {
  override readonly name = 'UnsealableError';
}

/**
 * Keys by purpose, derived from the ring in SECRET_KEY: what one purpose leaks opens nothing of another. The first key of
 * the ring makes new things, every key reads old ones.
 */
@Injectable()
export class Keyring {
  /** Id of the key that signs and seals. */
  readonly current: string;
  private readonly derived = new Map<string, Buffer>();

  constructor(private readonly settings: Settings) {
    [this.current = ''] = settings.SECRET_KEY.keys();
  }

  has(kid: string): boolean {
    return this.settings.SECRET_KEY.has(kid);
  }

  /**
   * 256 bits for one purpose (HKDF-SHA256, RFC 5869).
   * @throws {UnsealableError} the ring does not hold `kid`.
   */
  derive(purpose: string, kid: string = this.current): Buffer {
    const secret = this.settings.SECRET_KEY.get(kid);
    if (secret === undefined) throw new UnsealableError(`SECRET_KEY holds no key "${kid}"`);
    const name = `${kid}\0${purpose}`;
    const known = this.derived.get(name);
    if (known) return known;
    const key = Buffer.from(hkdfSync('sha256', secret, '', `omni/${purpose}`, KEY_BYTES));
    this.derived.set(name, key);
    return key;
  }

  /**
   * Encrypts and authenticates (AES-256-GCM, NIST SP 800-38D).
   * @param aad - where the result is going to lie, such as its row's id: it opens nowhere else.
   */
  seal(purpose: string, plaintext: string | Buffer, aad: string): Sealed {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.derive(purpose), nonce).setAAD(Buffer.from(aad));
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return { key_id: this.current, sealed: Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]) };
  }

  /** @throws {UnsealableError} */
  open(purpose: string, key_id: string, sealed: Buffer, aad: string): Buffer {
    const key = this.derive(purpose, key_id);
    const body = NONCE_BYTES + TAG_BYTES;
    try {
      const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(aad))
        .setAuthTag(sealed.subarray(NONCE_BYTES, body));
      return Buffer.concat([decipher.update(sealed.subarray(body)), decipher.final()]);
    } catch (error) {
      throw new UnsealableError('It is not what was sealed, or not where it was sealed for', { cause: error });
    }
  }
}
