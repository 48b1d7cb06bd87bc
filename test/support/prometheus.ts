import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findProgram, searchPath } from '../../src/config/host.js';
import { atEnd } from './clean-up.js';
import { temporaryFolder } from './engines.js';

const PROGRAM = ['prometheus'];

/** Where it is installed; else the tests that want it are left out of a run by hand. */
export const hasPrometheus = (): boolean => findProgram(PROGRAM, searchPath()) !== null;

const running = new Set<Prometheus>();
atEnd(async () => {
  for (const one of running) await one.stop();
});

/** A rule, as Prometheus tells of it once it has read it. */
export interface Rule {
  readonly name: string;
  readonly health: 'ok' | 'unknown' | 'err';
  readonly lastError?: string;
  readonly state: 'inactive' | 'pending' | 'firing';
  readonly alerts: readonly { readonly annotations: Readonly<Record<string, string>> }[];
}

type Answered<Data> = { status: 'success'; data: Data } | { status: 'error'; error: string };

/** A Prometheus, which reads a process and these rules every second. */
export class Prometheus {
  private constructor(
    private readonly url: string,
    private readonly child: ChildProcess,
  ) {
    running.add(this);
  }

  /**
   * @param target - the root of an ops port.
   * @param rules - the file of them.
   */
  static async start(target: string, rules: string): Promise<Prometheus> {
    const directory = temporaryFolder();
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [rules],
      scrape_configs: [{ job_name: 'omni', static_configs: [{ targets: [new URL(target).host] }] }],
    };
    // JSON is YAML.
    writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify(config));
    const args = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', '--web.listen-address=127.0.0.1:0'];
    const child = spawn(findProgram(PROGRAM, searchPath())!, args, {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return new Prometheus(await listening(child), child);
  }

  async rules(): Promise<readonly Rule[]> {
    const { groups } = await this.ask<{ groups: { rules: Rule[] }[] }>('rules');
    return groups.flatMap(({ rules }) => rules);
  }

  /** @returns the series that an expression has now. @throws where it cannot be read. */
  async series(expression: string): Promise<readonly unknown[]> {
    const query = new URLSearchParams({ query: expression }).toString();
    return (await this.ask<{ result: unknown[] }>(`query?${query}`)).result;
  }

  async stop(): Promise<void> {
    if (!running.delete(this)) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }

  private async ask<Data>(path: string): Promise<Data> {
    const answer = (await (await fetch(`${this.url}/api/v1/${path}`)).json()) as Answered<Data>;
    if (answer.status !== 'success') throw new Error(answer.error);
    return answer.data;
  }
}

/** Which port it was given, it says in its log alone. */
async function listening(child: ChildProcess): Promise<string> {
  const said: string[] = [];
  for await (const line of createInterface(child.stderr!)) {
    said.push(line);
    const address = /msg="Listening on".* address=(\S+)/.exec(line)?.[1];
    if (!address) continue;
    child.stderr!.resume();
    return `http://${address}`;
  }
  throw new Error(`Prometheus has ended:\n${said.join('\n')}`);
}
