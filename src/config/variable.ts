import { BlockList, isIP } from 'node:net';
import { isEmailAddress, parseSender, type Sender } from './addresses.js';
import { KeyRing, parseKeyRing } from './key-ring.js';

/** How the text of a variable becomes a value. Throws a sentence that says what would be right. */
export interface Kind<T> {
  readonly name: string;
  parse(text: string): T;
}

export interface VariableOptions<T = unknown> {
  readonly kind: Kind<T>;
  readonly about: string;
  /** As it would be written in the environment; absent means that the variable may stay unset. */
  readonly default?: string;
  /** Where production differs; null: none there. */
  readonly production?: string | null;
  /** What the documents say instead of `default`, where the value is found at start. */
  readonly shown?: string;
  /** Production does not start without it. */
  readonly required?: boolean;
  /** Never printed, never logged. */
  readonly secret?: boolean;
}

const declared = new Map<string, VariableOptions>();

/** Declares an environment variable at the property that holds its value: type, default, meaning, secret or not. */
export const Variable =
  <T>(options: VariableOptions<T>): PropertyDecorator =>
  (_, name) => {
    declared.set(String(name), options as VariableOptions);
  };

/** Every variable, in the order of declaration. */
export const variables = (): ReadonlyMap<string, VariableOptions> => declared;

const kind = <T>(name: string, parse: (text: string) => T): Kind<T> => ({ name, parse });

function fail(sentence: string): never {
  throw new Error(sentence);
}

export const text = kind('text', (value) => value);

export const emailAddress = kind('e-mail address', (value) =>
  isEmailAddress(value) ? value.toLowerCase() : fail('must be an e-mail address'),
);

export const sender = kind(
  'Name <address>',
  (value): Sender => parseSender(value) ?? fail('must look like `Name <address@host>`'),
);

export const flag = kind('0 or 1', (value) => {
  if (value === '1' || value === 'true') return true;
  if (value === '0' || value === 'false') return false;
  return fail('must be 1, 0, true or false');
});

export const integer = (min: number, max: number): Kind<number> =>
  kind(`${min} to ${max}`, (value) => {
    const number = Number(value);
    return /^\d+$/.test(value) && number >= min && number <= max
      ? number
      : fail(`must be a whole number from ${min} to ${max}`);
  });

export const oneOf = <const T extends string>(...values: T[]): Kind<T> =>
  kind(
    values.join(', '),
    (value) => values.find((one) => one === value) ?? fail(`must be one of ${values.join(', ')}`),
  );

/** A URL of one of these schemes, given back as written. */
export const url = (...schemes: string[]): Kind<string> =>
  kind('URL', (value) => {
    const scheme = URL.canParse(value) ? new URL(value).protocol.slice(0, -1) : '';
    return schemes.includes(scheme)
      ? value
      : fail(`must be a URL that begins with ${schemes.map((one) => `${one}://`).join(' or ')}`);
  });

/** The address at which people reach the service, without a trailing slash. */
export const webUrl = kind('URL', (value) => url('http', 'https').parse(value).replace(/\/+$/, ''));

/** Exact origins; `*` is refused since credentials are allowed to them. */
export const origins = kind('origins by comma', (value) =>
  value.split(',').map((item) => {
    const origin = item.trim();
    return URL.canParse(origin) && new URL(origin).origin === origin
      ? origin
      : fail(`"${origin}" is no origin such as https://app.example.com`);
  }),
);

/** A set of networks; `list` holds them as written. */
export interface Networks {
  readonly list: readonly string[];
  readonly includes: (address: string) => boolean;
}

export const networks = kind('CIDRs by comma', (value): Networks => {
  const block = new BlockList();
  const list = value.split(',').map((item) => item.trim());
  for (const item of list) {
    const [, address = '', prefix = ''] = /^([^/]+)\/(\d+)$/.exec(item) ?? [];
    const family = isIP(address);
    const bits = Number(prefix);
    if (!family || bits < 1 || bits > (family === 4 ? 32 : 128)) fail(`"${item}" is no network such as 10.0.0.0/8`);
    block.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
  return {
    list,
    includes: (address) => isIP(address) !== 0 && block.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6'),
  };
});

export interface Rate {
  readonly limit: number;
  readonly window_ms: number;
}

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000 };

/** `N/<n><s|m|h>`: so many in each span. */
export const rate = kind('N/<n><s|m|h>', (value): Rate => {
  const [, limit, count, unit] = /^(\d{1,9})\/(\d{1,4})([smh])$/.exec(value) ?? [];
  if (!unit || !Number(limit) || !Number(count)) fail('must look like 5/1m: so many in each span of s, m or h');
  return { limit: Number(limit), window_ms: Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS] };
});

export const keyRing = kind<KeyRing>('secret, or kid:secret by comma', parseKeyRing);

/** A key of Stripe's: what it is for and of which mode stand in front. */
export const stripeKey = (...uses: string[]): Kind<string> =>
  kind('key', (value) =>
    new RegExp(`^(${uses.join('|')})_(live|test)_\\w+$`).test(value)
      ? value
      : fail(`must begin with ${uses.flatMap((use) => [`${use}_live_`, `${use}_test_`]).join(', ')}`),
  );

/** Secrets of webhooks, as Stripe shows them: one, and the one before it while they are rotated. */
export const webhookSecrets = kind('secrets by comma', (value): readonly string[] => {
  const secrets = value.split(',').map((item) => item.trim());
  return secrets.length <= 2 && secrets.every((secret) => /^whsec_\S+$/.test(secret))
    ? secrets
    : fail('must be one or two secrets by comma, each of which begins with whsec_');
});
