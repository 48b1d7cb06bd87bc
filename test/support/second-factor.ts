import { createHmac } from 'node:crypto';
import type { TestApp } from './app.js';
import { Client, succeed, type Account } from './client.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 section 6, without padding. */
export function fromBase32(text: string): Buffer {
  const bits = [...text].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)));
}

/** What an authenticator app shows at this moment (RFC 6238), with nothing of the code under test. */
export function totpCode(secret: string, at: number = Date.now()): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const hash = createHmac('sha1', fromBase32(secret)).update(counter).digest();
  const number = hash.readUInt32BE(hash.at(-1)! & 0xf) & 0x7fff_ffff;
  return String(number % 1_000_000).padStart(6, '0');
}

/** Six digits that are no code of this secret, nor were or will be soon. */
export function wrongCode(secret: string): string {
  const right = new Set([-2, -1, 0, 1, 2].map((steps) => totpCode(secret, Date.now() + steps * 30_000)));
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !right.has(code))!;
}

/** As if the address had been verified. */
export const verify = (app: TestApp, { user }: Client): Promise<unknown> =>
  app.users.change({ id: user.id }, { email_verified: true });

/** Somebody with a second factor, at the session in which it was turned on. */
export class Guarded {
  private constructor(
    private readonly app: TestApp,
    readonly client: Client,
    readonly secret: string,
    readonly recovery_codes: readonly string[],
  ) {}

  static async enrol(app: TestApp, client: Client): Promise<Guarded> {
    await verify(app, client);
    const { secret } = succeed(await client.post('/auth/mfa/totp', { password: client.password }));
    const { recovery_codes } = succeed(await client.post('/auth/mfa/totp/confirm', { code: totpCode(secret) }));
    return new Guarded(app, client, secret, recovery_codes);
  }

  static async signUp(app: TestApp): Promise<Guarded> {
    return Guarded.enrol(app, await app.signUp());
  }

  get id(): string {
    return this.client.user.id;
  }

  get wrong(): string {
    return wrongCode(this.secret);
  }

  /** What the app shows, and was not used: as if the last one had been long ago. */
  async code(): Promise<string> {
    await this.app.sql('UPDATE totp_factors SET last_step = 0 WHERE user_id = $1', [this.id]);
    return totpCode(this.secret);
  }

  /** The first step of a login. */
  async challenge(at = this.app): Promise<string> {
    return challengeOf(at, this.client);
  }

  /** Another session. */
  async again(at = this.app): Promise<Client> {
    const body = { mfa_token: await this.challenge(at), code: await this.code() };
    const { access_token } = succeed(await at.send('POST', '/auth/login/mfa', { body }));
    return Client.holding(at.send, this.client, access_token);
  }
}

export async function challengeOf(app: TestApp, { email, password }: Account): Promise<string> {
  const { mfa_token } = succeed(await app.send('POST', '/auth/login', { body: { email, password } }));
  return mfa_token;
}
