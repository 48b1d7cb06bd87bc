// The steps of demo.mjs about a second factor, with an authenticator app of its own: RFC 6238 in a few lines.
import { createHmac } from 'node:crypto';
import { BrokenPromise, call, check } from './demo-client.mjs';

const STEP_MS = 30_000;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * What an authenticator app shows.
 * @param {string} secret - in base32.
 * @param {number} at - milliseconds since 1970.
 */
function codeAt(secret, at) {
  const bits = [...secret].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / STEP_MS)));
  const hash = createHmac('sha1', key).update(step).digest();
  const number = hash.readUInt32BE((hash.at(-1) ?? 0) & 0xf) & 0x7fff_ffff;
  return String(number % 1_000_000).padStart(6, '0');
}

/**
 * @param {{ name: string, email: string, password: string, token: string }} ada - logged in.
 * @returns {[title: string, step: () => Promise<void>][]}
 */
export function secondFactorSteps(ada) {
  const { email, password } = ada;
  let secret = '';
  /** @type {string[]} */
  let recoveryCodes = [];

  /** The right password opens nothing by itself. */
  async function firstStep() {
    const { body } = await call('POST', '/auth/login', { status: 200, body: { email, password } });
    check('there is no token yet', body.mfa_required === true && !('access_token' in body));
    return body.mfa_token;
  }

  async function turnOn() {
    ({
      body: { secret },
    } = await call('POST', '/auth/mfa/totp', { status: 201, as: ada, body: { password } }));
    const body = { code: codeAt(secret, Date.now()) };
    const answer = await call('POST', '/auth/mfa/totp/confirm', { status: 200, as: ada, body });
    recoveryCodes = answer.body.recovery_codes;
    check('there are ten recovery codes, shown this once', recoveryCodes.length === 10);
  }

  async function logInWithCode() {
    const mfa_token = await firstStep();
    // The code of this half minute was used. Clocks differ, so that the next one counts already.
    const code = codeAt(secret, Date.now() + STEP_MS);
    const { body } = await call('POST', '/auth/login/mfa', { status: 200, body: { mfa_token, code } });
    check('the code opens the session', body.token_type === 'Bearer');
    await call('POST', '/auth/login/mfa', { status: 401, code: 'invalid_mfa_code', body: { mfa_token, code } });
  }

  async function turnOff() {
    const [code] = recoveryCodes;
    if (!code) throw new BrokenPromise('a recovery code');
    const body = { password, code };
    await call('POST', '/auth/mfa/totp/disable', { status: 204, as: ada, body });
    const { body: account } = await call('GET', '/users/me', { status: 200, as: ada });
    check('the password alone is enough again', account.mfa_enabled === false);
  }

  return [
    ['Ada turns on a second factor', turnOn],
    ['Now the password is half a login, and a code opens the rest, once', logInWithCode],
    ['She has lost her app: a recovery code turns it off', turnOff],
  ];
}
