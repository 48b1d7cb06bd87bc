import { presentableName } from './names.js';

/** What each mail is made from. */
export interface MailData {
  /** Without a link: an address that is verified already. */
  welcome: { readonly full_name: string; readonly url?: string };
  'verify-email': { readonly full_name: string; readonly url: string };
  'reset-password': { readonly full_name: string; readonly url: string };
  'password-changed': { readonly full_name: string };
  'email-changed': { readonly full_name: string };
  'mfa-enabled': { readonly full_name: string };
  'mfa-disabled': { readonly full_name: string };
  'export-ready': { readonly full_name: string; readonly url: string };
  'token-reuse': { readonly full_name: string };
  invitation: { readonly tenant_name: string; readonly url: string };
  'payment-receipt': PaymentMail & { readonly paid_at: string };
  'payment-refunded': PaymentMail;
  /** The link holds a secret of the bank's. */
  'payment-action': PaymentMail & { readonly url: string };
  /** To those who are in charge, about somebody's payment. */
  'payment-disputed': Omit<PaymentMail, 'reference'> & { readonly reason: string; readonly due_at: string | null };
}

interface PaymentMail {
  readonly full_name: string;
  readonly payment_id: string;
  /** As people read it: `99.99 USD`. */
  readonly amount: string;
  /** The client's own name for the payment. */
  readonly reference: string | null;
}

export type Template = keyof MailData;

/** What a mail says, before anybody decides how it looks. Plain text throughout: the layouts escape. */
export interface Letter {
  readonly subject: string;
  /** Whom it greets. */
  readonly full_name: string;
  readonly paragraphs: readonly string[];
  /** What the reader is asked to do, and where; below the paragraphs. */
  readonly link?: { readonly label: string; readonly url: string };
}

type Letters = { readonly [T in Template]: (data: MailData[T], app_name: string) => Letter };

const LETTERS: Letters = {
  welcome: ({ full_name, url }, app_name) => ({
    subject: 'Welcome!',
    full_name,
    paragraphs: [
      `Welcome to our platform! Your account at ${app_name} is ready: sign in with this e-mail address and your password.`,
      'If you did not sign up, somebody has probably mistyped an address, and you need not do anything.',
      ...(url ? ['Please confirm that this address is yours. The link is good for a day, and once.'] : []),
    ],
    ...(url && { link: { label: 'Verify this address', url } }),
  }),
  // It may have been asked for with a stranger's address: nothing here says whether that has an account.
  'verify-email': ({ full_name, url }, app_name) => ({
    subject: 'Verify your e-mail address',
    full_name,
    paragraphs: [
      `Somebody, hopefully you, wants to use this e-mail address for an account at ${app_name}. Please confirm that it is yours. The link is good for a day, and once; a newer one takes its place.`,
      'If it was not you, do nothing: nothing changes without the link.',
    ],
    link: { label: 'Verify this address', url },
  }),
  'reset-password': ({ full_name, url }, app_name) => ({
    subject: 'Reset your password',
    full_name,
    paragraphs: [
      `Somebody, hopefully you, has forgotten the password of your account at ${app_name}. With this link you choose a new one. It is good for 30 minutes, and once; a newer one takes its place.`,
      'If it was not you, do nothing: your password stays as it is.',
    ],
    link: { label: 'Choose a new password', url },
  }),
  'password-changed': ({ full_name }, app_name) => ({
    subject: 'Your password was changed',
    full_name,
    paragraphs: [
      `The password of your account at ${app_name} was changed, and everybody who was signed in elsewhere has been signed out.`,
      'If it was not you, reset your password at once, and get in touch with us.',
    ],
  }),
  // Names neither address: the old one may belong to a stranger who never should have got our mail.
  'email-changed': ({ full_name }, app_name) => ({
    subject: 'Your e-mail address was changed',
    full_name,
    paragraphs: [
      `The e-mail address of your account at ${app_name} was changed. You have been signed out everywhere; sign in with the new address from now on.`,
      'If this was not agreed with you, get in touch with us at once.',
    ],
  }),
  'mfa-enabled': ({ full_name }, app_name) => ({
    subject: 'Two-step sign-in was turned on',
    full_name,
    paragraphs: [
      `From now on your account at ${app_name} asks for a code of your authenticator app after the password. You have been signed out everywhere but where you turned it on. Keep the recovery codes where you find them without your telephone.`,
      'If this was not you, somebody knows your password: get in touch with us at once.',
    ],
  }),
  'mfa-disabled': ({ full_name }, app_name) => ({
    subject: 'Two-step sign-in was turned off',
    full_name,
    paragraphs: [
      `From now on the password alone opens your account at ${app_name}. The recovery codes are void, and you have been signed out elsewhere.`,
      'If this was neither you nor agreed with you, change your password, and get in touch with us at once.',
    ],
  }),
  'export-ready': ({ full_name, url }, app_name) => ({
    subject: 'Your data is ready',
    full_name,
    paragraphs: [
      `All that ${app_name} keeps about you is gathered in one file, as you asked. You can download it for 24 hours; whoever has the link can, so keep it to yourself.`,
      'If you did not ask for this, somebody else has signed in as you: change your password, which also makes the link useless.',
    ],
    link: { label: 'Download your data', url },
  }),
  'token-reuse': ({ full_name }, app_name) => ({
    subject: 'Sign-in from a stolen token was stopped',
    full_name,
    paragraphs: [
      `A token that keeps you signed in to your account at ${app_name} came back after it had been used up. That happens when somebody has copied it, so we have ended that session: whoever used it, you or somebody else, is signed out there.`,
      'Sign in again. If you do not know how it could have been copied, change your password and sign out everywhere.',
    ],
  }),
  invitation: ({ tenant_name, url }, app_name) => ({
    subject: 'You are invited',
    full_name: '',
    paragraphs: [
      `You are invited to join ${presentableName(tenant_name) || 'an organisation'} at ${app_name}. Choose a password, and your account is ready.`,
      'The invitation is good for seven days, and for one account. If you do not know what it is about, you need not do anything.',
    ],
    link: { label: 'Accept the invitation', url },
  }),
  'payment-receipt': ({ full_name, amount, paid_at, ...which }, app_name) => ({
    subject: 'Receipt for your payment',
    full_name,
    paragraphs: [
      `Your payment of ${amount} was received at ${app_name} on ${dayOf(paid_at)}. Thank you.`,
      naming(which),
      'Keep this mail: it is your receipt.',
    ],
  }),
  'payment-refunded': ({ full_name, amount, ...which }, app_name) => ({
    subject: 'Your payment was refunded',
    full_name,
    paragraphs: [
      `${amount} of a payment of yours at ${app_name} is on the way back to you, by the way by which you paid. It can take your bank some days to show it.`,
      naming(which),
    ],
  }),
  'payment-action': ({ full_name, amount, url, ...which }, app_name) => ({
    subject: 'Your payment needs you',
    full_name,
    paragraphs: [
      `Your payment of ${amount} at ${app_name} waits for you: your bank wants you to confirm it. Nothing is taken before you do.`,
      naming(which),
      'If you have confirmed it meanwhile, or did not want to pay, you need not do anything.',
    ],
    link: { label: 'Confirm the payment', url },
  }),
  'payment-disputed': ({ full_name, amount, payment_id, reason, due_at }, app_name) => ({
    subject: 'A payment is disputed',
    full_name,
    paragraphs: [
      `The payer of ${amount} at ${app_name} has objected to the payment at the bank, which says: ${presentableName(reason) || 'no reason'}.`,
      `Payment: ${payment_id}`,
      due_at
        ? `What speaks for the payment must be with the provider by ${dayOf(due_at)}, or the money is lost.`
        : 'The provider says whether, and until when, something can be said against it.',
    ],
  }),
};

/** Which payment: a reference is whatever a client makes of it, and is left out where it would become a link. */
const naming = ({ payment_id, reference }: Pick<PaymentMail, 'payment_id' | 'reference'>): string =>
  [`Payment: ${payment_id}`, ...[presentableName(reference ?? '')].filter(Boolean)].join('. Reference: ');

/** A day, as it is in UTC: nobody knows where the reader is. */
const dayOf = (time: string): string => `${time.slice(0, 10)} (UTC)`;

/** @throws this version of the code does not know the template: another one wrote the row. */
export function writeLetter<T extends Template>(template: T, data: MailData[T], app_name: string): Letter {
  if (!Object.hasOwn(LETTERS, template)) throw new Error('No such template');
  return LETTERS[template](data, app_name);
}
