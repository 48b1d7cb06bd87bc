import { randomUUID } from 'node:crypto';
import { Checkpoints } from '../../common/checkpoints.js';
import { Keyring } from '../../common/keyring.js';
import { commandSettings } from '../../config/command-settings.js';
import { Timings } from '../../config/timings.js';
import { SideDatabase } from '../../database/apart/side-database.js';
import { APPLICATION } from '../../database/data-source.js';
import { withCommandDatabase } from '../../database/command/command-database.js';
import { withDocuments } from '../mongo/connection.mongoose.js';
import { UserWrites } from '../mongo/user-writes.js';
import { UserWritesRepository } from '../store/user-writes.repository.js';
import { STORES, UsersHomeRepository, type StoreName } from '../store/users-home.repository.js';
import { ConnectionsRepository } from './connections.repository.js';
import { MoveRefusedError, NotAloneError, UsersMove, type MovableStore } from './users-move.js';
import { UsersTableRepository } from './users-table.repository.js';

/** sysexits.h: wrong use; try again later; wrong configuration. */
const EX_USAGE = 64;
const EX_TEMPFAIL = 75;
const EX_CONFIG = 78;

/** `npm run users:move -- mongodb` or `-- postgresql`, while no process of the service runs. */
const to = process.argv.at(-1) as StoreName;
const settings = commandSettings();
const timings = new Timings();
const { MONGODB_URL } = settings;
/** Unlike that of the service, and of another move. */
const name = `${APPLICATION} users:move ${randomUUID().slice(0, 8)}`;

function refuse(sentence: string, status: number): void {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = status;
}

async function move(url: string): Promise<void> {
  const side = new SideDatabase(settings, timings, name);
  try {
    await withCommandDatabase(
      (database) =>
        withDocuments(url, timings, async (documents, installation) => {
          const journal = new UserWritesRepository(database, side);
          const writes = new UserWrites(journal, documents, database, new Keyring(settings), new Checkpoints());
          const mongodb: MovableStore = {
            count: () => database.asSystem(() => documents.countAll({})),
            wholes: (after, limit) => database.asSystem(() => documents.wholes(after, limit)),
            find: (ids) => database.asSystem(() => documents.wholesOf(ids)),
            put: (users) => documents.putAll(users),
            remove: (ids) => documents.removeAll(ids),
            removeUnchanged: (users) => documents.removeUnchanged(users),
          };
          const sessions = new ConnectionsRepository(database, name);
          const moved = await new UsersMove({
            homes: new UsersHomeRepository(database),
            stores: { mongodb, postgresql: new UsersTableRepository(database) },
            installation,
            prepare: async () => {
              await documents.prepare();
              await writes.settle();
            },
            others: () => sessions.others(),
          }).run(to);
          process.stdout.write(
            moved === null ? `The users live in ${to} already\n` : `Moved to ${to}: ${moved} users\n`,
          );
        }),
      name,
    );
  } finally {
    await side.onApplicationShutdown();
  }
}

if (!STORES.includes(to)) refuse(`Say where to: npm run users:move -- ${STORES.join(' or -- ')}`, EX_USAGE);
else if (!MONGODB_URL) refuse('MONGODB_URL is not set: it is one of the two stores', EX_CONFIG);
else {
  try {
    await move(MONGODB_URL);
  } catch (error) {
    if (!(error instanceof MoveRefusedError)) throw error;
    refuse(error.message, error instanceof NotAloneError ? EX_TEMPFAIL : 1);
  }
}
