import { DataSource } from 'typeorm';
import { commandSettings } from '../../config/command-settings.js';
import { Timings } from '../../config/timings.js';
import { dataSourceOptions } from '../data-source.js';
import { Database } from '../database.js';
import { OutboxRow } from './outbox.entity.js';
import { OutboxRepository } from './outbox.repository.js';

/** `npm run outbox:retry`: what was given up is tried for another day. A running worker finds it at its next poll. */
const source = new DataSource({
  ...dataSourceOptions(commandSettings().POSTGRES_URL, new Timings()),
  entities: [OutboxRow],
});
await source.initialize();
try {
  const rows = await new OutboxRepository(new Database(source)).retry();
  process.stdout.write(`Put back: ${rows}\n`);
} finally {
  await source.destroy();
}
