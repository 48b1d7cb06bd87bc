// `npm start`: from a fresh clone to a running server. What is missing is installed and built first.
import { exitStatusOf, onEnd, startApplication } from './application.mjs';
import { bootstrap } from './bootstrap.mjs';

await bootstrap();
const child = startApplication();
// On Windows the console's Ctrl-C has already reached the child, and any signal of ours would cut it off.
onEnd((signal) => process.platform === 'win32' || child.kill(signal));
process.exitCode = await exitStatusOf(child);
