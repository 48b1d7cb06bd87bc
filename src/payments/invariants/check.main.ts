import { withCommandDatabase } from '../../database/command/command-database.js';
import { Invariants } from './invariants.js';
import { InvariantsRepository } from './invariants.repository.js';

/** `npm run payments:check`: says what is wrong with the books; exit status 1 when something is. */
await withCommandDatabase(async (database) => {
  const violations = await new Invariants(new InvariantsRepository(database)).check();
  for (const { invariant, ids } of violations) process.stdout.write(`Broken: ${invariant}: ${ids.join(', ')}\n`);
  if (violations.length === 0) process.stdout.write('The books are in order\n');
  process.exitCode = violations.length === 0 ? 0 : 1;
});
