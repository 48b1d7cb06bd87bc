import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidSettingsError, rawSettings, readSettings, type RawSettings } from './read-settings.js';
import type { Settings } from './settings.js';

/** Where a development server notes the addresses of its engines, below DATA_DIR. */
export const ENGINES_FILE = 'engines.json';

/**
 * The settings of a command that works beside the server: in development the embedded engines of the one that runs.
 * Ends the process with status 78, and says why, when they are not usable.
 */
export function commandSettings(raw: RawSettings = rawSettings()): Settings {
  try {
    const settings = readSettings(raw['NODE_ENV'] === 'production' ? raw : { ...engines(raw), ...given(raw) });
    if (!settings.POSTGRES_URL)
      throw new InvalidSettingsError(['POSTGRES_URL is not set, and no `npm start` is running here']);
    return settings;
  } catch (error) {
    if (!(error instanceof InvalidSettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(78);
  }
}

/** An empty text counts as not given: it hides no running server. */
const given = (raw: RawSettings): RawSettings => Object.fromEntries(Object.entries(raw).filter(([, text]) => text));

function engines(raw: RawSettings): RawSettings {
  try {
    return JSON.parse(readFileSync(join(raw['DATA_DIR'] || '.data', ENGINES_FILE), 'utf8')) as RawSettings;
  } catch {
    return {};
  }
}
