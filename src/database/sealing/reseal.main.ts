import { Keyring, UnsealableError } from '../../common/keyring.js';
import { commandSettings } from '../../config/command-settings.js';
import { withCommandDatabase } from '../command/command-database.js';
import { loadEntities } from '../data-source.js';
import { SealedData } from './sealed-data.js';

/** `npm run keys:reseal`: the second step before a key may leave SECRET_KEY, beside whatever is running. */
const keyring = new Keyring(commandSettings());
// What is sealed is known by its columns.
await loadEntities();
try {
  const resealed = await withCommandDatabase((database) => new SealedData(database, keyring).reseal());
  for (const [table, rows] of Object.entries(resealed)) process.stdout.write(`Sealed anew in ${table}: ${rows}\n`);
} catch (error) {
  if (!(error instanceof UnsealableError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
