import { commandSettings } from '../config/command-settings.js';
import { migrate } from './migrate.js';

/** `npm run migrate` */
const { POSTGRES_URL, POSTGRES_OWNER_URL } = commandSettings();
const { applied, drift } = await migrate({ ownerUrl: POSTGRES_OWNER_URL, appUrl: POSTGRES_URL });
const say = (line: string): unknown => process.stdout.write(`${line}\n`);
say(applied.length > 0 ? `Applied: ${applied.join(', ')}` : 'Nothing to apply');
if (drift.length > 0) {
  say(`The tables differ from the entities:\n  ${drift.join('\n  ')}`);
  process.exitCode = 1;
}
