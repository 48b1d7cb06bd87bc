import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseEnv } from 'node:util';
import { ringMistake } from './key-ring.js';
import { Settings } from './settings.js';
import { networks, variables } from './variable.js';

/** As the contract of every route has it that takes a password. */
const MAX_PASSWORD_LENGTH = 128;

export type RawSettings = Readonly<Record<string, string | undefined>>;

/** Everything that is wrong with the variables, a sentence each. No sentence quotes a value. */
export class InvalidSettingsError extends Error {
  constructor(readonly mistakes: readonly string[]) {
    super(`The configuration is not usable:\n${mistakes.map((mistake) => `  ${mistake}`).join('\n')}`);
    this.name = 'InvalidSettingsError';
  }
}

/** The environment, and below it `.env` of the working directory. */
export function rawSettings(): RawSettings {
  return { ...parseDotEnv(), ...process.env };
}

function parseDotEnv(): RawSettings {
  try {
    return parseEnv(readFileSync('.env', 'utf8')) as RawSettings;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

type Draft = { -readonly [Name in keyof Settings]?: Settings[Name] };

/**
 * Turns text into settings; reports all mistakes at once.
 * @param raw - names and texts; an empty text counts as not given.
 * @param engines - whether development is going to bring what has no URL yet: then nothing is required.
 * @throws {InvalidSettingsError}
 */
export function readSettings(raw: RawSettings, { engines = false } = {}): Settings {
  const mistakes: string[] = [];
  const production = raw['NODE_ENV'] === 'production';
  const draft: Record<string, unknown> = {};
  for (const [name, { kind, default: standard, production: there, required }] of variables()) {
    const given = raw[name] || undefined;
    const text = given ?? (production && there !== undefined ? (there ?? undefined) : standard);
    if (text === undefined) {
      const needless = name === 'REDIS_URL' && /^(1|true)$/.test(raw['OMNI_MINIMAL'] ?? '');
      if (required && production && !engines && !needless) mistakes.push(`${name} is required in production`);
      continue;
    }
    try {
      draft[name] = kind.parse(text);
    } catch (error) {
      mistakes.push(`${name} ${(error as Error).message}`);
    }
  }
  const settings = complete(draft as Draft);
  mistakes.push(...contradictions(settings));
  if (mistakes.length > 0) throw new InvalidSettingsError(mistakes);
  return Object.freeze(Object.assign(new Settings(), settings));
}

/** Defaults that follow from other settings. */
function complete(draft: Draft): Draft {
  const production = draft.NODE_ENV === 'production';
  draft.PUBLIC_URL ??= `http://localhost:${draft.PORT}`;
  draft.ACCOUNT_URL ??= `${draft.PUBLIC_URL}/account`;
  draft.POSTGRES_OWNER_URL ??= draft.POSTGRES_URL;
  draft.REDIS_CACHE_URL ??= draft.REDIS_URL;
  draft.PAYMENT_PROVIDER ??= draft.STRIPE_API_KEY ? 'stripe' : production ? 'none' : 'simulator';
  if (!production) draft.WEBHOOK_ALLOWED_CIDRS ??= networks.parse('127.0.0.0/8,::1/128');
  if (draft.DEBUG) draft.LOG_LEVEL = 'debug';
  return draft;
}

/** Rules that span several settings. */
function contradictions(settings: Draft): string[] {
  const production = settings.NODE_ENV === 'production';
  const found: string[] = [];
  if (settings.RUN_AS_INTERNAL && settings.OMNI_MINIMAL)
    found.push('RUN_AS_INTERNAL and OMNI_MINIMAL exclude each other');
  if (settings.RUN_AS_INTERNAL && !settings.TRUSTED_PROXY_CIDRS)
    found.push('TRUSTED_PROXY_CIDRS is required in internal mode');
  if (settings.OMNI_MINIMAL && settings.PROCESS_ROLE !== 'all' && settings.PROCESS_ROLE)
    found.push('PROCESS_ROLE must be all in minimal mode');
  if (settings.OPS_HOST && !isLoopback(settings.OPS_HOST) && !settings.OPS_TOKEN)
    found.push('OPS_TOKEN is required when OPS_HOST is not loopback');
  found.push(...stripeMistakes(settings, production));
  if (production && settings.ADMIN_PASSWORD && !settings.ADMIN_EMAIL)
    found.push('ADMIN_EMAIL is required with ADMIN_PASSWORD');
  const { ADMIN_PASSWORD, PASSWORD_MIN_LENGTH = 0 } = settings;
  const length = [...(ADMIN_PASSWORD ?? '')].length;
  if (ADMIN_PASSWORD && (length < PASSWORD_MIN_LENGTH || length > MAX_PASSWORD_LENGTH))
    found.push(`ADMIN_PASSWORD must have ${PASSWORD_MIN_LENGTH} to ${MAX_PASSWORD_LENGTH} characters`);
  const ring = settings.SECRET_KEY && ringMistake(settings.SECRET_KEY, production);
  if (ring) found.push(`SECRET_KEY ${ring}`);
  return found;
}

function* stripeMistakes(
  { PAYMENT_PROVIDER, STRIPE_API_KEY, STRIPE_PUBLISHABLE_KEY, STRIPE_WEBHOOK_SECRET }: Draft,
  production: boolean,
): Generator<string> {
  const [mode, other] = [STRIPE_API_KEY, STRIPE_PUBLISHABLE_KEY].map((key) => key?.split('_')[1]);
  if (mode && other && mode !== other)
    yield 'STRIPE_API_KEY and STRIPE_PUBLISHABLE_KEY must be of one mode: both live, or both test';
  if (PAYMENT_PROVIDER !== 'stripe') return;
  if (!STRIPE_API_KEY) yield 'STRIPE_API_KEY is required for PAYMENT_PROVIDER=stripe';
  // Without it nobody here would hear of what a payer does at the bank, nor of refunds and disputes.
  if (production && !STRIPE_WEBHOOK_SECRET)
    yield 'STRIPE_WEBHOOK_SECRET is required for PAYMENT_PROVIDER=stripe in production';
}

/** A host name or address that only this machine can reach. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
