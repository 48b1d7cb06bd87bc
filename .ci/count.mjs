// Adds up Jest's reports: `node .ci/count.mjs STATUS REPORT...`. What failed beside the tests, or left no report, counts
// as one failure, so that the last line of a failed run never says that nothing failed.
import { readFileSync } from 'node:fs';

const [status = '1', ...files] = process.argv.slice(2);
const reports = files.map((file) => JSON.parse(readFileSync(file, 'utf8')));
const sum = (count) => reports.map(count).reduce((total, more) => total + more, 0);

const passed = sum(({ numPassedTests }) => numPassedTests);
const failed = sum(({ numFailedTests, numRuntimeErrorTestSuites }) => numFailedTests + numRuntimeErrorTestSuites);
const reported = failed === 0 && status !== '0' ? 1 : failed;
console.log(`${passed} passed, ${reported} failed`);
process.exitCode = reported > 0 ? 1 : 0;
