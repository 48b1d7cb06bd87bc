import { DataSource } from 'typeorm';
import { commandSettings } from '../../config/command-settings.js';
import { Timings } from '../../config/timings.js';
import { dataSourceOptions } from '../data-source.js';
import { Database } from '../database.js';

/** The database of a command that works beside the server, for as long as `work` takes. A statement may take its time. */
export async function withCommandDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
  const source = new DataSource(dataSourceOptions(commandSettings().POSTGRES_URL, new Timings({ statement_ms: 0 })));
  await source.initialize();
  try {
    return await work(new Database(source));
  } finally {
    await source.destroy();
  }
}
