import { isIPv6 } from 'node:net';

/** How something looks that nobody may read in a log, wherever it stands in a text. */
interface Detector {
  readonly label: string;
  /**
   * Finds suspects: the match, or its group, with which it ends or which lies ahead of it. Whatever may fail is bounded,
   * so that no text can buy time: the cost grows with its length and no faster.
   */
  readonly pattern: RegExp;
  /** How much of a suspect, from its beginning, is to be hidden; without it, all. */
  readonly extent?: (suspect: string) => number;
  /** What every suspect contains, where that is sooner looked for. */
  readonly hint?: RegExp;
}

const FIELDS =
  'passw(?:or)?d|passphrase|pwd|secret|token|api[-_ ]?key|authorization|cookie|otp|cvc|cvv|e-?mail|phone|iban|(?:full|user)_?name';
const FIELD_VALUE = String.raw`\\?"[^"]*"?|'[^']*'?|[^\s"',;&}\\]+`;
const ADDRESS_PART = String.raw`[^\s@"'<>()[\]{},;:=&|\\/?#]`;

const DETECTORS: readonly Detector[] = [
  { label: 'token', pattern: /\b(?:bearer|basic)[ \t:=]{1,4}([^\s,;"'<>]{3,})/gi },
  // A JSON object in base64url: the beginning of every JWT.
  { label: 'token', pattern: /eyJ[\w-]{5,}(?:\.[\w-]*){0,4}/g },
  { label: 'key', pattern: /(?<![A-Za-z0-9])(?:ak|rt|sk|rk|whsec)_[\w+/=-]{6,}/g },
  { label: 'key', pattern: /\b\w{1,64}_secret_\w+/g, hint: /_secret_/ },
  { label: 'hash', pattern: /\$(?:argon2(?:id|i|d)|2[abxy]|scrypt|pbkdf2[\w-]{0,20})\$[^\s"']*/g },
  // 256 random bits in base64url have 43 characters.
  { label: 'token', pattern: /(?<![\w-])[\w-]{40,}/g, extent: all(isMixed) },
  // The values of a query or a form, and of a field that a message quotes.
  { label: 'value', pattern: /[?&;#][\w.[\]%-]{1,64}=([^\s&#"'<>]+)/g },
  {
    label: 'value',
    pattern: new RegExp(String.raw`(?:${FIELDS})\w{0,20}\\?["']?\s{0,2}[:=]\s{0,2}(${FIELD_VALUE})`, 'gi'),
  },
  // PostgreSQL: Key (email)=(…), Failing row contains (…), invalid input syntax for type uuid: "…"
  { label: 'value', pattern: /\)=\(([^)]*)/g },
  { label: 'value', pattern: /row contains \(([^]*)/g },
  { label: 'value', pattern: /: "([^]*)(?="$)/g, hint: /"$/ },
  // V8: Unexpected token 'h', "hunter2" is not valid JSON
  { label: 'value', pattern: /"([^]*)(?="(?:\.{3})? is not valid JSON)/g, hint: / is not valid JSON/ },
  { label: 'email', pattern: new RegExp(`${ADDRESS_PART}{1,64}(?:@|%40)${ADDRESS_PART}{1,253}`, 'gi'), hint: /@|%40/ },
  {
    label: 'card',
    pattern: /(?<!\d|\d\.)(?=([2-6]\d{3}(?:[ -]?\d){9,15})(?!\d))/g,
    extent: longest(isCard),
    hint: /\d{4}/,
  },
  {
    label: 'iban',
    pattern: /(?<![a-z0-9])(?=([a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,3})?)(?![a-z0-9]))/gi,
    extent: longest(isIban),
    hint: /[a-z]\d{2}/i,
  },
  { label: 'phone', pattern: /\+[1-9](?:[ ().-]{0,2}\d){6,14}(?!\d)/g },
  // The forms in which networkOf() writes a network are no addresses.
  {
    label: 'ip',
    pattern: /(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d|(?<=\.0)\/24\b)/g,
    extent: all(isIPv4Like),
    hint: /\d\.\d/,
  },
  {
    label: 'ip',
    pattern: /(?<![\w:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,8}(?:(?:\.\d{1,3}){3})?(?![\w:]|(?<=::)\/48\b)/gi,
    extent: all(isIPv6),
    hint: /:[0-9a-f]{0,4}:/i,
  },
];

/** scheme://user:password@host, hidden before all else, since the host after it would make an e-mail address of it. */
const CREDENTIALS = /:\/\/[^\s/?#]{1,256}@/g;

/** These look for digits, of which ids have many. */
const NOT_IN_IDS = new Set(['card', 'iban', 'ip']);
const ID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi;

/** A stretch of a text, from its first character to the one after its last. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly label: string;
}

/** The text with labels such as `[email]` in place of what must not be read. */
export function hideSensitive(given: string): string {
  const text = given.replace(CREDENTIALS, '://[credentials]@');
  const spans: Span[] = [];
  for (const detector of DETECTORS) detect(text, detector, spans);
  if (spans.length === 0) return text;
  const ids = [...text.matchAll(ID)].map(({ index, 0: id }) => ({ start: index, end: index + id.length }));
  const isId = ({ label, start, end }: Span): boolean =>
    NOT_IN_IDS.has(label) && ids.some((id) => start < id.end && id.start < end);
  return cut(
    text,
    spans.filter((span) => !isId(span)),
  );
}

function detect(text: string, { label, pattern, extent, hint }: Detector, spans: Span[]): void {
  if (hint && !hint.test(text)) return;
  pattern.lastIndex = 0;
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const [match, suspect = match] = found;
    const start = found.index + Math.max(0, match.length - suspect.length);
    const length = extent ? extent(suspect) : suspect.length;
    if (length > 0) spans.push({ start, end: start + length, label });
    if (match === '') pattern.lastIndex += 1;
  }
}

/** Where spans overlap, the one that begins first names them all. */
function cut(text: string, spans: Span[]): string {
  let shown = '';
  let from = 0;
  for (const { start, end, label } of spans.toSorted((a, b) => a.start - b.start)) {
    if (start >= from) shown += `${text.slice(from, start)}[${label}]`;
    from = Math.max(from, end);
  }
  return shown + text.slice(from);
}

function all(holds: (suspect: string) => boolean): (suspect: string) => number {
  return (suspect) => (holds(suspect) ? suspect.length : 0);
}

/** The longest beginning for which it holds, and which does not end within a group of letters or digits. */
function longest(holds: (suspect: string) => boolean): (suspect: string) => number {
  return (suspect) => {
    let groups = suspect.split(/[ -]/);
    while (groups.length > 0 && !holds(groups.join(''))) groups = groups.slice(0, -1);
    return groups.join(' ').length;
  };
}

function isMixed(text: string): boolean {
  return /\d/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text);
}

/** A card number begins as an issuer's does and ends with a check digit (ISO/IEC 7812-1, Luhn). */
function isCard(digits: string): boolean {
  if (!/^(?:4|5[0-8]|6|3[04-9]|2[2-7])\d{11,18}$/.test(digits) || digits.length < 13) return false;
  let sum = 0;
  for (let at = 1; at <= digits.length; at++) {
    const value = Number(digits.at(-at)) * (at % 2 ? 1 : 2);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

/** ISO 13616: with the first four characters last, and letters as numbers from 10, the remainder by 97 is 1. */
function isIban(text: string): boolean {
  if (text.length < 15) return false;
  let rest = 0;
  for (const character of text.slice(4) + text.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

function isIPv4Like(text: string): boolean {
  return text.split('.').every((part) => Number(part) <= 255);
}
