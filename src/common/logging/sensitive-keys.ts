/** In a key, wherever they stand: `new_password`, `X-Api-Key`, `accessToken`. */
const STEMS = new RegExp(
  [
    'password|passwd|passphrase|secret|token|credential|authorization|cookie|apikey|private|recovery|refresh|totp|otpauth|jwt',
    'email|phone|iban|accountnumber|cardnumber|cardholder|taxid|birth|ipaddress|clientip|remoteip',
    '(full|first|last|given|family|middle|maiden|nick|sur|user|display)name',
  ].join('|'),
);

/** As a word of a key: `card_number` and `clientIp`, and neither `discard` nor `recipe`. */
const WORDS = new Set('pwd otp pin hash salt card pan cvc cvv ssn tax dob address ip'.split(' '));

/** As the whole key: `code`, and not `status_code`. Bodies, queries and parameters hold whatever people type. */
const WHOLE = new Set('code name auth body rawbody query querystring params parameters headers'.split(' '));

const WORD = /[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g;

/** Keys are few and come again, unless somebody makes them up: then this starts anew. */
const known = new Map<string, boolean>();
const MOST_KNOWN = 1_000;

/** Whether what stands under this key must not be read in a log, however the key is spelled. */
export function isSensitiveKey(key: string): boolean {
  const judged = known.get(key);
  if (judged !== undefined) return judged;
  if (known.size === MOST_KNOWN) known.clear();
  const sensitive = judge(key);
  known.set(key, sensitive);
  return sensitive;
}

function judge(key: string): boolean {
  const plain = key.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  if (WHOLE.has(plain) || WORDS.has(plain) || STEMS.test(plain)) return true;
  return (key.match(WORD) ?? []).some((word) => WORDS.has(word.toLowerCase()));
}
