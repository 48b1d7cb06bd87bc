// `npm run demo [-- --url http://localhost:3000]`: a client's tour of a running server.
// Exit status 0: all was as promised; 1: something was not; 64: wrong arguments; 69: no server.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { adminLogin, BrokenPromise, call, check, run, say } from './demo-client.mjs';
import { paymentSteps } from './demo-payments.mjs';
import { secondFactorSteps } from './demo-second-factor.mjs';

/** Of this run alone, so that the next one meets nothing of it. */
const tag = `demo-${randomBytes(4).toString('hex')}`;
const password = randomBytes(12).toString('base64url');
const person = (/** @type {string} */ name) => ({
  email: `${tag}-${name.toLowerCase()}@example.com`,
  password,
  full_name: name,
});
const MAIL_MS = 30_000;

const ada = { ...person('Ada'), name: 'Ada', id: '', token: '', refresh_token: '', link_token: '' };
const admin = { name: 'the admin', token: '' };
const dora = { ...person('Dora'), name: 'Dora', token: '' };
/** Of this run, and closed at its end. */
let tenantId = '';
const program = { name: 'a program', id: '', token: '' };
/** Ids of the accounts that this run made. @type {string[]} */
const made = [];

/** A step is a title and a function. @type {[title: string, step: () => Promise<void>][]} */
const TOUR = [
  ['Ada signs up', signUp],
  ['Her address does not sign up twice', signUpAgain],
  ['A form full of mistakes is told all of them', makeMistakes],
  ['The welcome mail arrives', readMail],
  ['She opens its link, and the address is hers', verifyAddress],
  ['Ada logs in', logIn],
  ['Her token says who she is', readOwnAccount],
  ['She goes on with her session, and a lost answer is given again', refresh],
  ['A token that was copied is found out, and the session ends', reuse],
  ['She logs in anew', logIn],
  ["A user may not see everybody's account", listAsUser],
  ['The admin may', listAsAdmin],
  ['Page by page, everybody comes once', pageThrough],
  ['The admin makes a tenant', makeTenant],
  ['Dora is invited into it, and accepts from the mail', inviteDora],
  ['She sees it, and of Ada nothing', lookAround],
  ['A program gets a key of its own', makeKey],
  ['The key reads, and is refused a write', useKey],
  ['A revoked key is worth nothing', revokeKey],
  ['Where is Ada logged in?', listSessions],
  ['Ada asks for her data, and fetches it by the mailed link', exportData],
  ...paymentSteps(ada, admin),
  ...secondFactorSteps(ada),
  ['Ada logs out, and her token is worth nothing', logOut],
  ['She forgets her password, and a mail brings a link', forgetPassword],
  ['With it she sets a new one, once, and logs in', resetPassword],
  ['Nobody is left behind, and the tenant is closed', tidyUp],
];

async function signUp() {
  const { email, full_name } = ada;
  const { body, headers } = await call('POST', '/users', { status: 201, body: { email, password, full_name } });
  ada.id = body.id;
  made.push(body.id);
  check('the account starts with no rights', body.role === 'user' && body.email_verified === false);
  check('nothing of the password comes back', !/password/.test(JSON.stringify(body)));
  check('Location says where the account is', headers.get('location') === `/api/v1/users/${body.id}`);
}

async function signUpAgain() {
  const body = { ...person('Somebody else'), email: ada.email.toUpperCase() };
  await call('POST', '/users', { status: 409, code: 'email_taken', body });
}

async function makeMistakes() {
  const mistakes = { email: 'nobody', password: 'short', full_name: ' ', role: 'admin' };
  const { body } = await call('POST', '/users', { status: 422, code: 'validation_failed', body: mistakes });
  for (const { pointer, message } of body.errors) say(`  ${pointer} ${message}`);
  const pointers = body.errors.map((/** @type {{ pointer: string }} */ { pointer }) => pointer);
  check(
    'each mistake is named',
    Object.keys(mistakes).every((field) => pointers.includes(`#/${field}`)),
  );
}

async function readMail() {
  const mail = await mailTo(ada.email, 'Welcome!');
  showMail(mail);
  check('it says "Welcome to our platform"', mail.text.includes('Welcome to our platform'));
  ada.link_token = tokenIn(mail.text);
}

async function verifyAddress() {
  const body = { token: ada.link_token };
  await call('POST', '/auth/email/verify', { status: 204, body });
  await call('POST', '/auth/email/verify', { status: 422, code: 'token_invalid', body });
}

/**
 * @param {string} address
 * @param {string} subject
 * @returns {Promise<{ subject: string, text: string }>} when it has arrived.
 */
async function mailTo(address, subject) {
  say('GET /dev/mailbox.json');
  const deadline = Date.now() + MAIL_MS;
  for (;;) {
    const { body } = await call('GET', '/dev/mailbox.json', { status: 200, quiet: true });
    const mail = body.find(
      (/** @type {{ to: string[], subject: string }} */ one) => one.to.includes(address) && one.subject === subject,
    );
    if (mail) return mail;
    if (Date.now() > deadline) {
      throw new BrokenPromise(`"${subject}" to ${address} within ${MAIL_MS / 1_000} s; no such mail came`);
    }
    await sleep(250);
  }
}

/** @param {string} text */
function tokenIn(text) {
  const [, token] = /#token=([\w-]+)/.exec(text) ?? [];
  if (!token) throw new BrokenPromise('a link in the mail');
  return token;
}

/** @param {{ subject: string, text: string }} mail */
function showMail({ subject, text }) {
  for (const line of [`Subject: ${subject}`, '', ...text.trim().split('\n')]) say(`  | ${line}`);
}

async function logIn() {
  const { body } = await call('POST', '/auth/login', { status: 200, body: { email: ada.email, password } });
  ada.token = body.access_token;
  ada.refresh_token = body.refresh_token;
  check('there is a token for the Authorization header', body.token_type === 'Bearer' && body.expires_in > 0);
}

/** @param {string} refresh_token */
const refreshBy = (refresh_token) => call('POST', '/auth/refresh', { status: 200, body: { refresh_token } });

async function refresh() {
  const { body: next } = await refreshBy(ada.refresh_token);
  const { body: again } = await refreshBy(ada.refresh_token);
  check('each time the very same next token', again.refresh_token === next.refresh_token);
  ada.token = again.access_token;
  await call('GET', '/users/me', { status: 200, as: ada });
}

async function reuse() {
  const { body: next } = await refreshBy(ada.refresh_token);
  const { body: newest } = await refreshBy(next.refresh_token);
  say('The first token comes back, though the one after it was used: somebody has a copy.');
  const stolen = { refresh_token: ada.refresh_token };
  await call('POST', '/auth/refresh', { status: 401, code: 'invalid_token', body: stolen });
  await call('GET', '/users/me', { status: 401, code: 'invalid_token', as: ada });
  const held = { refresh_token: newest.refresh_token };
  await call('POST', '/auth/refresh', { status: 401, code: 'invalid_token', body: held });
  await mailTo(ada.email, 'Sign-in from a stolen token was stopped');
}

async function readOwnAccount() {
  const { body } = await call('GET', '/users/me', { status: 200, as: ada });
  check('it is the account that signed up', body.id === ada.id && body.email === ada.email);
}

async function listAsUser() {
  await call('GET', '/users', { status: 403, code: 'forbidden', as: ada });
}

async function listAsAdmin() {
  const { body } = await call('POST', '/auth/login', { status: 200, body: adminLogin() });
  admin.token = body.access_token;
  const { body: page } = await call('GET', '/users?per_page=1', { status: 200, as: admin });
  check('there are at least the admin and Ada', page.total >= 2 && page.data.length === 1);
}

async function pageThrough() {
  for (const name of ['Bob', 'Cleo']) {
    const { body } = await call('POST', '/users', { status: 201, as: admin, body: person(name) });
    made.push(body.id);
  }
  const seen = [];
  for (let page = 1; page <= made.length; page++) {
    const path = `/users?q=${tag}&sort=email&per_page=1&page=${page}`;
    const { body } = await call('GET', path, { status: 200, as: admin });
    seen.push(...body.data.map((/** @type {{ id: string }} */ { id }) => id));
  }
  check(`${made.length} accounts on ${made.length} pages, each once and in order`, seen.join() === made.join());
}

async function makeTenant() {
  const { body } = await call('POST', '/tenants', { status: 201, as: admin, body: { name: tag } });
  tenantId = body.id;
  await call('POST', '/tenants', { status: 409, code: 'tenant_name_taken', as: admin, body: { name: tag } });
}

async function inviteDora() {
  const { email, full_name } = dora;
  await call('POST', '/invitations', { status: 201, as: admin, body: { email, tenant_id: tenantId } });
  const mail = await mailTo(email, 'You are invited');
  showMail(mail);
  const [, token] = /\/invitation#token=([\w-]+)/.exec(mail.text) ?? [];
  const body = { token, password, full_name };
  const { body: user } = await call('POST', '/invitations/accept', { status: 201, body });
  made.push(user.id);
  check('she belongs to that tenant, and her address is verified', user.tenant_id === tenantId && user.email_verified);
  await call('POST', '/invitations/accept', { status: 422, code: 'token_invalid', body });
}

async function lookAround() {
  const login = { email: dora.email, password };
  const { body } = await call('POST', '/auth/login', { status: 200, body: login });
  dora.token = body.access_token;
  await call('GET', '/users/me', { status: 200, as: dora });
  await call('GET', `/users/${ada.id}`, { status: 404, code: 'user_not_found', as: dora });
}

async function makeKey() {
  const body = { name: tag, scopes: ['users:read'] };
  const { body: made } = await call('POST', '/auth/api-keys', { status: 201, as: admin, body });
  program.id = made.id;
  program.token = made.key;
  check('it begins as the list shows it', made.key.startsWith(made.prefix));
  const { body: list } = await call('GET', '/auth/api-keys', { status: 200, as: admin });
  check('the key itself is shown no second time', !JSON.stringify(list).includes(made.key));
}

async function useKey() {
  const { body } = await call('GET', `/users/${ada.id}`, { status: 200, as: program });
  check("it reads Ada's account", body.email === ada.email);
  const change = { full_name: 'Somebody else' };
  await call('PATCH', `/users/${ada.id}`, { status: 403, code: 'forbidden', as: program, body: change });
}

async function revokeKey() {
  await call('DELETE', `/auth/api-keys/${program.id}`, { status: 204, as: admin });
  await call('GET', `/users/${ada.id}`, { status: 401, code: 'invalid_token', as: program });
}

async function listSessions() {
  const { body } = await call('GET', '/auth/sessions', { status: 200, as: ada });
  check('in one place, which is here', body.data.length === 1 && body.data[0].current === true);
}

async function exportData() {
  await call('POST', '/users/me/export', { status: 202, as: ada });
  const { text } = await mailTo(ada.email, 'Your data is ready');
  const request = { token: tokenIn(text) };
  const { body, headers } = await call('POST', '/exports/download', { status: 200, body: request });
  const lists = Object.keys(body).filter((name) => Array.isArray(body[name]));
  say(`  ${lists.map((name) => `${body[name].length} ${name}`).join(', ')}`);
  check('it is a file to save', (headers.get('content-disposition') ?? '').startsWith('attachment; filename='));
  check(
    'it holds what she gave, and no password',
    body.account[0].email === ada.email && !/argon2/.test(JSON.stringify(body)),
  );
}

async function logOut() {
  await call('POST', '/auth/logout', { status: 204, as: ada });
  await call('GET', '/users/me', { status: 401, code: 'invalid_token', as: ada });
}

async function forgetPassword() {
  for (const email of [`${tag}-nobody@example.com`, ada.email]) {
    await call('POST', '/auth/password/forgot', { status: 202, body: { email } });
  }
  ada.link_token = tokenIn((await mailTo(ada.email, 'Reset your password')).text);
}

async function resetPassword() {
  const renewed = `${password}-renewed`;
  const body = { token: ada.link_token, password: renewed };
  await call('POST', '/auth/password/reset', {
    status: 422,
    code: 'password_too_common',
    body: { ...body, password: 'iloveyou' },
  });
  await call('POST', '/auth/password/reset', { status: 204, body });
  await call('POST', '/auth/password/reset', { status: 422, code: 'token_invalid', body });
  const login = { email: ada.email, password };
  await call('POST', '/auth/login', { status: 401, code: 'invalid_credentials', body: login });
  await call('POST', '/auth/login', { status: 200, body: { ...login, password: renewed } });
  await mailTo(ada.email, 'Your password was changed');
}

async function tidyUp() {
  await call('PATCH', `/tenants/${tenantId}`, { status: 200, as: admin, body: { status: 'disabled' } });
  await call('GET', '/users/me', { status: 401, code: 'invalid_token', as: dora });
  for (const id of made) await call('DELETE', `/users/${id}`, { status: 204, as: admin });
  await call('GET', `/users/${ada.id}`, { status: 404, code: 'user_not_found', as: admin });
  await call('POST', '/auth/logout', { status: 204, as: admin });
}

await run(TOUR);
