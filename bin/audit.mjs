// `npm run audit`: asks the registry for known vulnerabilities of the locked packages, and fails at a high one. A registry
// that does not answer such questions, as many mirrors do not, is no reason to fail: it is said.
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { npm, ROOT } from './bootstrap.mjs';

/** @typedef {{ severity: string, via: (string | { title: string, url: string })[] }} Vulnerability */
/** @typedef {{ message?: string, error?: { code?: string, summary?: string }, vulnerabilities?: Record<string, Vulnerability> }} Answer */

const SERIOUS = ['high', 'critical'];

/** @returns {Promise<Answer>} */
async function ask() {
  const [command = '', ...args] = npm();
  const options = ['audit', '--json', '--package-lock-only', '--fetch-retries=0', '--fetch-timeout=20000'];
  const child = spawn(command, [...args, ...options], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: command === 'npm',
  });
  let output = '';
  for await (const chunk of child.stdout) output += chunk;
  try {
    return JSON.parse(output);
  } catch {
    return { message: 'npm gave no answer' };
  }
}

/**
 * @param {Answer} answer
 * @returns {{ note: string } | { serious: string[], others: number }} why nothing is known, or a line for each package
 *   that must not be shipped, and how many have lesser faults.
 */
export function judge({ vulnerabilities, message, error }) {
  if (!vulnerabilities) {
    const reason = message || error?.summary || error?.code || 'no reason given';
    return { note: `not audited, the registry does not answer: ${reason.split(' - ')[0]}` };
  }
  const all = Object.entries(vulnerabilities);
  const serious = all
    .filter(([, { severity }]) => SERIOUS.includes(severity))
    .map(([name, { severity, via }]) => {
      const why = via.map((cause) => (typeof cause === 'string' ? `through ${cause}` : `${cause.title}, ${cause.url}`));
      return `${name} (${severity}): ${why.join('; ')}`;
    });
  return { serious, others: all.length - serious.length };
}

async function main() {
  const judged = judge(await ask());
  if ('note' in judged) {
    console.log(`note: ${judged.note}`);
    return;
  }
  for (const line of judged.serious) console.error(line);
  console.log(`Vulnerable: ${judged.serious.length} of high severity or worse, ${judged.others} of a lower one`);
  process.exitCode = judged.serious.length > 0 ? 1 : 0;
}

if (realpathSync(process.argv[1]) === import.meta.filename) void main();
