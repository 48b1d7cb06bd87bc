import { layOut } from '../../src/mail/layout.js';
import { writeLetter, type MailData, type Template } from '../../src/mail/mails.js';
import { presentableName } from '../../src/mail/names.js';

const APP = 'Omni & Sons';

const URL = 'https://example.com/account/verify-email#token=abc';

const render = <T extends Template>(template: T, data: MailData[T]) => layOut(writeLetter(template, data, APP), APP);

describe('every mail', () => {
  const url = 'https://app.example.com/account/export#token=abc_-1';

  it.each<[template: Template, subject: string, says: string]>([
    ['welcome', 'Welcome!', 'Welcome to our platform'],
    ['email-changed', 'Your e-mail address was changed', 'e-mail address of your account'],
    ['mfa-enabled', 'Two-step sign-in was turned on', 'asks for a code of your authenticator app'],
    ['mfa-disabled', 'Two-step sign-in was turned off', 'the password alone opens your account'],
    ['verify-email', 'Verify your e-mail address', 'confirm that it is yours'],
    ['reset-password', 'Reset your password', 'good for 30 minutes'],
    ['password-changed', 'Your password was changed', 'The password of your account'],
    ['export-ready', 'Your data is ready', url],
    ['token-reuse', 'Sign-in from a stolen token was stopped', 'change your password and sign out everywhere'],
  ])('%s has its subject and says the same as text and as HTML', (template, subject, says) => {
    const mail = render(template, { full_name: 'Ada Lovelace', url });

    expect(mail.subject).toBe(subject);
    for (const body of [mail.text, mail.html]) {
      expect(body).toContain(says);
      expect(body).toContain('Hello Ada Lovelace,');
    }
    expect(mail.text).toContain(APP);
    expect(mail.html).toContain('Omni &amp; Sons');
    expect(mail.text).not.toMatch(/[<>]|&amp;|undefined|\n{3}/);
    expect(mail.html).not.toMatch(/undefined|<%|%>/);
  });

  it.each<Template>(['welcome', 'verify-email', 'reset-password'])(
    '%s shows its link, to be clicked and to be copied',
    (template) => {
      const { text, html } = render(template, { full_name: 'Ada', url: URL });

      expect(text).toContain(`:\n${URL}\n`);
      expect(html).toContain(`href="${URL}"`);
      expect(html).toContain(`open this address: ${URL}`);
    },
  );

  it('shows a name with markup in it as it was given, and never as markup', () => {
    const full_name = `<img src=x onerror='a'> & "Ada"`;
    const { text, html } = render('welcome', { full_name });

    expect(text).toContain(`Hello ${full_name},`);
    expect(html).not.toContain('<img');
    expect(html).toContain('&lt;img src=x onerror=&#39;a&#39;&gt; &amp; &quot;Ada&quot;');
  });

  it('does not run what looks like a template in a name', () => {
    const { text, html } = render('welcome', { full_name: '<%= 6 * 7 %>' });

    expect(text).toContain('<%= 6 * 7 %>');
    expect(html).toContain('&lt;%= 6 * 7 %&gt;');
  });

  it('refuses a template that it does not know, whatever the object has inherited', () => {
    for (const template of ['no-such', 'constructor', '__proto__'] as string[] as Template[])
      expect(() => writeLetter(template, { full_name: 'Ada' }, APP)).toThrow('No such template');
  });
});

describe('mails about payments', () => {
  const payment = { full_name: 'Ada', payment_id: 'p-1', amount: '99.99 USD', reference: 'order-4711' };
  const url = 'https://bank.example.com/authenticate#token';

  it.each([
    ['Receipt for your payment', render('payment-receipt', { ...payment, paid_at: '2026-01-31T23:59:59.000Z' })],
    ['Your payment was refunded', render('payment-refunded', payment)],
    ['Your payment needs you', render('payment-action', { ...payment, url })],
    ['A payment is disputed', render('payment-disputed', { ...payment, reason: 'fraudulent', due_at: null })],
  ])('%s: says how much, and of which payment, as text and as HTML', (subject, mail) => {
    expect(mail.subject).toBe(subject);
    for (const body of [mail.text, mail.html]) {
      expect(body).toContain('99.99 USD');
      expect(body).toContain('Payment: p-1');
      expect(body).not.toMatch(/undefined|null/);
    }
  });

  it('name the reference, unless a mail program would make a link of it', () => {
    expect(render('payment-refunded', payment).text).toContain('Payment: p-1. Reference: order-4711\n');
    expect(render('payment-refunded', { ...payment, reference: null }).text).toContain('Payment: p-1\n');
    expect(render('payment-refunded', { ...payment, reference: 'see evil.example' }).text).toContain('Payment: p-1\n');
  });

  it('tell a day with the place where it is that day', () => {
    const { text } = render('payment-receipt', { ...payment, paid_at: '2026-01-31T23:59:59.000Z' });
    expect(text).toContain('on 2026-01-31 (UTC)');
  });
});

describe('an invitation', () => {
  const url = 'https://omni.example.com/account/invitation#token=abc-DEF_123';
  const invitation = (tenant_name: string) => render('invitation', { tenant_name, url });

  it('greets nobody by name, says where to, and links there', () => {
    const { subject, text, html } = invitation('Engines <Ltd>');

    expect(subject).toBe('You are invited');
    expect(text).toMatch(/^Hello,\n/);
    expect(text).toContain(`You are invited to join Engines <Ltd> at ${APP}.`);
    expect(text).toContain(`Accept the invitation:\n${url}\n`);
    expect(html).toContain('Engines &lt;Ltd&gt;');
    expect(html).toContain(`href="${url}"`);
  });

  it('leaves out the name of a tenant that would become a link', () => {
    expect(invitation('evil.example').text).toContain(`You are invited to join an organisation at ${APP}.`);
  });
});

describe('a name in a mail', () => {
  it.each([
    ['Ada Lovelace', 'Ada Lovelace'],
    ['Ада Лавлейс', 'Ада Лавлейс'],
    ['\u0639\u0644\u06cc\u200c\u0631\u0636\u0627', '\u0639\u0644\u06cc\u200c\u0631\u0636\u0627'],
    ['Dr. J. R. "Bob" O’Neil-Smith, Jr.', 'Dr. J. R. "Bob" O’Neil-Smith, Jr.'],
    ['Ada\r\nBcc: victim', 'Ada Bcc: victim'],
    ['Ada\u2028\u202eLovelace\u0007', 'Ada Lovelace'],
  ])('stays on one line: %j', (full_name, shown) => {
    expect(presentableName(full_name)).toBe(shown);
  });

  it.each([
    'https://evil.example',
    'Win at WWW.evil',
    'click evil.com now',
    'ada@evil.example',
    'évil.com',
    'evil\u200d.com',
    'приз.рф',
    '例え.テスト',
    'evil\u3002com',
  ])('is left out when a mail program would make a link of it: %j', (full_name) => {
    expect(presentableName(full_name)).toBe('');
    expect(render('welcome', { full_name }).text).toMatch(/^Hello,\n/);
  });
});
