import { rawSettings } from '../config/read-settings.js';
import { AlreadyRunningError } from './lock.js';
import { EngineError } from './processes.js';
import { reset } from './reset.js';

/** `npm run reset`. */
try {
  await reset(rawSettings(), (sentence) => process.stdout.write(`${sentence}\n`));
} catch (error) {
  if (!(error instanceof AlreadyRunningError || error instanceof EngineError)) throw error;
  process.stderr.write(`${error.message}\n`);
  // sysexits.h: EX_TEMPFAIL, as for a second start.
  process.exit(error instanceof AlreadyRunningError ? 75 : 1);
}
