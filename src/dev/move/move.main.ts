import { join } from 'node:path';
import { commandSettings } from '../../config/command-settings.js';
import { rawSettings } from '../../config/read-settings.js';
import { migrate } from '../../database/migrate.js';
import { ownDirectory, PLACES } from '../data-directory.js';
import { AlreadyRunningError, lock } from '../lock.js';
import { moveDatabase } from './move.js';
import { startPostgres } from '../postgres.js';
import { EngineError } from '../processes.js';
import { NAMES, prepareDatabase } from '../roles.js';

const say = (line: string): unknown => process.stdout.write(`${line}\n`);

/** From the embedded PostgreSQL, which nobody else may be using, to the one of POSTGRES_URL. What is here stays as it is. */
async function move(): Promise<void> {
  if (!rawSettings()['POSTGRES_URL']) throw new EngineError('POSTGRES_URL says where to: it is not set.');
  const { POSTGRES_URL, POSTGRES_OWNER_URL, DATA_DIR } = commandSettings();
  const directory = await ownDirectory(DATA_DIR);
  const held = await lock(directory);
  try {
    const server = await startPostgres({ directory: join(directory, PLACES.postgres), say });
    try {
      await migrate(await prepareDatabase(server.url, NAMES));
      await migrate({ ownerUrl: POSTGRES_OWNER_URL, appUrl: POSTGRES_URL });
      const from = Object.assign(new URL(server.url), { pathname: `/${NAMES.database}` }).href;
      const { tables, rows } = await moveDatabase({ from, to: POSTGRES_OWNER_URL });
      say(`Moved: ${rows} rows of ${tables} tables, each as it was`);
      say(
        `What is sealed wants the same SECRET_KEY: unless you have set one, it is in ${join(directory, PLACES.secret_key)}`,
      );
    } finally {
      await server.stop();
    }
  } finally {
    await held.release();
  }
}

/** `npm run database:move`. */
try {
  await move();
} catch (error) {
  if (!(error instanceof AlreadyRunningError || error instanceof EngineError)) throw error;
  process.stderr.write(`${error.message}\n`);
  // sysexits.h: EX_TEMPFAIL, as for a second start.
  process.exit(error instanceof AlreadyRunningError ? 75 : 1);
}
