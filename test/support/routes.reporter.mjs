// Fails a run of the whole e2e project in which some route never answered with success.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export default class RoutesReporter {
  constructor(globalConfig) {
    const projects = process.env.OMNI_TEST_SHARES?.split(',') ?? [];
    this.filtered = !projects.includes('e2e') || Boolean(globalConfig.testNamePattern);
  }

  onRunComplete(_, { numFailedTestSuites }) {
    if (this.filtered || numFailedTestSuites > 0) return;
    const idle = idleRoutes();
    if (idle.length === 0) return;
    this.error = new Error('Some routes are exercised by no e2e test');
    console.error(`No e2e test gets a successful answer from:\n  ${idle.join('\n  ')}`);
  }

  getLastError() {
    return this.error;
  }
}

function idleRoutes() {
  const file = join(JSON.parse(process.env.TEST_ENGINES).directory, 'routes.jsonl');
  const lines = existsSync(file)
    ? readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];
  const routes = (kind) => new Set(lines.filter(([one]) => one === kind).map(([, method, url]) => `${method} ${url}`));
  const used = routes('used');
  // A probe is a test's own route.
  return [...routes('declared')].filter((route) => !used.has(route) && !route.includes('/probe/')).toSorted();
}
