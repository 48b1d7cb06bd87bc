import { DataSource } from 'typeorm';
import { Keyring, UnsealableError } from '../../common/keyring.js';
import { commandSettings } from '../../config/command-settings.js';
import { Timings } from '../../config/timings.js';
import { dataSourceOptions, loadEntities } from '../data-source.js';
import { Database } from '../database.js';
import { SealedData } from './sealed-data.js';

/** `npm run keys:reseal`: the second step before a key may leave SECRET_KEY, beside whatever is running. */
const settings = commandSettings();
const source = new DataSource({
  ...dataSourceOptions(settings.POSTGRES_URL, new Timings()),
  entities: await loadEntities(),
});
await source.initialize();
try {
  const resealed = await new SealedData(new Database(source), new Keyring(settings)).reseal();
  for (const [table, rows] of Object.entries(resealed)) process.stdout.write(`Sealed anew in ${table}: ${rows}\n`);
} catch (error) {
  if (!(error instanceof UnsealableError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  await source.destroy();
}
