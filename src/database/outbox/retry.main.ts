import { withCommandDatabase } from '../command/command-database.js';
import { OutboxRepository } from './outbox.repository.js';

/** `npm run outbox:retry`: what was given up is tried for another day. A running worker finds it at its next poll. */
const rows = await withCommandDatabase((database) => new OutboxRepository(database).retry());
process.stdout.write(`Put back: ${rows}\n`);
