import { DataSource } from 'typeorm';
import { commandSettings } from '../../config/command-settings.js';
import { Timings } from '../../config/timings.js';
import { dataSourceOptions } from '../data-source.js';
import { Database } from '../database.js';

/**
 * The database of a command that works beside the server, for as long as `work` takes. A statement may take its time.
 * @param name - of its sessions, where they are to be told from others.
 */
export async function withCommandDatabase<T>(work: (database: Database) => Promise<T>, name?: string): Promise<T> {
  const timings = new Timings({ statement_ms: 0 });
  const source = new DataSource(dataSourceOptions(commandSettings().POSTGRES_URL, timings, name));
  await source.initialize();
  try {
    return await work(new Database(source));
  } finally {
    await source.destroy();
  }
}
