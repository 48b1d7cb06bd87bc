import { InvalidSettingsError, readSettings, type RawSettings } from '../../src/config/read-settings.js';

/** What is said about these variables; empty when they are fine. */
export function mistakes(raw: RawSettings): readonly string[] {
  try {
    readSettings(raw);
    return [];
  } catch (error) {
    if (error instanceof InvalidSettingsError) return error.mistakes;
    throw error;
  }
}
