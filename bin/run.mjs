// `npm run migrate` and the like: one of the application's own commands. Where there are sources they are built first; an
// image that holds only what was built runs it as it is.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, ROOT } from './bootstrap.mjs';

if (existsSync(join(ROOT, 'tsconfig.json'))) await bootstrap();
process.chdir(ROOT);
await import(`../dist/src/${process.argv[2]}.js`);
