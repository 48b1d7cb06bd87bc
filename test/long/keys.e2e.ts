import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Timings } from '../../src/config/timings.js';
import { migrate } from '../../src/database/migrate.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { connected, emptyDatabase, lockWaits, whileLocked } from '../support/connections.js';
import { temporaryFolder } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { startProcess } from '../support/process.js';
import { rawSettings, sharedStage } from '../support/stage.js';

const [OLD, NEW] = ['old', 'new'].map((kid) => `${kid}:ring-7hG2kQ9xW4mZ8vB1nC5pL3sD6fJ0-${kid}`) as [string, string];

const run = promisify(execFile);

/** `npm run keys:reseal`, beside whatever is running. */
const reseal = (ring: string): Promise<string> => command('sealing/reseal', ring);

/** What a command has said. @param name - its place in `src/database`. */
async function command(name: string, ring: string): Promise<string> {
  const file = join(import.meta.dirname, `../../dist/src/database/${name}.main.js`);
  const env = { PATH: process.env['PATH'], ...rawSettings(await sharedStage(), { SECRET_KEY: ring }) };
  return (await run(process.execPath, [file], { env, cwd: temporaryFolder() })).stdout;
}

/** In a loop on every replica that answers, until it is stopped; every answer that is no success is kept. */
class Load {
  /** Who has not answered yet. */
  asked: TestApp | undefined;
  private readonly refused: number[] = [];
  private readonly asking: Promise<void>;
  private stopped = false;

  constructor(
    private readonly replicas: () => readonly TestApp[],
    private readonly tokens: () => readonly string[],
  ) {
    this.asking = this.ask();
  }

  async end(): Promise<number[]> {
    this.stopped = true;
    await this.asking;
    return this.refused;
  }

  private async ask(): Promise<void> {
    while (!this.stopped) {
      for (const replica of this.replicas()) {
        for (const token of this.tokens()) {
          // One that has left since is asked no more.
          if (!this.replicas().includes(replica)) break;
          this.asked = replica;
          const { status } = await replica.send('GET', '/users/me', { token });
          this.asked = undefined;
          if (status !== 200) this.refused.push(status);
        }
      }
    }
  }
}

describe('a key of the ring', () => {
  it('must not leave before what it has sealed is sealed anew by `npm run keys:reseal`', async () => {
    const api = await startApp({ settings: { SECRET_KEY: OLD, PROCESS_ROLE: 'api' } });
    const account = someAccount();
    await api.send('POST', '/users', { body: account });
    await api.close();
    await expect(startProcess({ settings: { SECRET_KEY: NEW } })).rejects.toThrow(
      /SECRET_KEY no longer holds old, which rows of outbox .*npm run keys:reseal/,
    );

    expect(await reseal(`${NEW},${OLD}`)).toMatch(/^Sealed anew in outbox: [1-9]\d*$/m);
    expect(await reseal(`${NEW},${OLD}`)).toMatch(/^Sealed anew in outbox: 0$/m);
    const after = await startApp({ settings: { SECRET_KEY: NEW } });
    expect((await after.mail(account.email)).text).toContain(account.full_name);
    await after.close();
  });

  it('is asked for at every start: one that cannot see what it has sealed fails', async () => {
    const { appUrl, ownerUrl } = await emptyDatabase();
    await migrate({ appUrl, ownerUrl });
    await connected(ownerUrl, (owner) => owner.query(`REVOKE SELECT ON outbox FROM "${new URL(appUrl).username}"`));

    await expect(
      startProcess({ settings: { POSTGRES_URL: appUrl, POSTGRES_OWNER_URL: ownerUrl, MONGODB_URL: '' } }),
    ).rejects.toThrow('permission denied for table outbox');
  });

  it('leaves what nobody can open as it is, says which, and seals the rest anew', async () => {
    const api = await startApp({ settings: { SECRET_KEY: OLD, PROCESS_ROLE: 'api' } });
    for (const body of [someAccount(), someAccount()]) await api.send('POST', '/users', { body });
    const pending = `status = 'pending' AND key_id = 'old'`;
    const [{ id }] = await api.sql(`SELECT id FROM outbox WHERE ${pending} ORDER BY id LIMIT 1`);
    await api.sql(`UPDATE outbox SET payload = set_byte(payload, 40, get_byte(payload, 40) # 1) WHERE id = $1`, [id]);

    await expect(reseal(`${NEW},${OLD}`)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`These rows cannot be opened: outbox ${id}`),
    });
    expect(await api.sql(`SELECT id FROM outbox WHERE ${pending}`)).toEqual([{ id }]);
    await api.sql('DELETE FROM outbox');
    await api.close();
  });

  it('leaves although its rows are held for longer than any request may take, by this command and by `outbox:retry`', async () => {
    const api = await startApp({ settings: { SECRET_KEY: OLD, PROCESS_ROLE: 'api' } });
    await api.send('POST', '/users', { body: someAccount() });
    await api.sql(`UPDATE outbox SET status = 'dead'`);
    const held = 'SELECT id FROM outbox FOR UPDATE';
    const [retried, resealed] = await whileLocked(api, held, [], async () => {
      const commands = [command('outbox/retry', OLD), reseal(`${NEW},${OLD}`)];
      const ended = Promise.race(commands.map((one) => one.catch(() => undefined)));
      // Until neither may be waiting for its connection any more, and then for as long as a statement of a request may.
      await lockWaits(api, 2, 120_000);
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, new Timings().statement_ms + 1_000))]);
      return commands;
    });

    expect(await retried).toMatch(/^Put back: [1-9]\d*$/m);
    expect(await resealed).toMatch(/^Sealed anew in outbox: [1-9]\d*$/m);
    await api.sql('DELETE FROM outbox');
    await api.close();
  });

  it('is exchanged in three steps, a replica at a time, and no request fails meanwhile', async () => {
    const start = (...ring: string[]): Promise<TestApp> =>
      startApp({ settings: { SECRET_KEY: ring.join(','), PROCESS_ROLE: 'api' } });
    let replicas = [await start(OLD), await start(OLD)];
    const account = someAccount();
    await replicas[0]!.send('POST', '/users', { body: account });
    let sessions: Client[] = [await replicas[0]!.logIn(account)];
    const load = new Load(
      () => replicas,
      () => sessions.map(({ token }) => token),
    );
    /** As a rolling restart does it; each new replica signs a session of its own, which the others must know too. */
    const roll = async (...ring: string[]): Promise<void> => {
      for (const leaving of replicas) {
        const fresh = await start(...ring);
        replicas = [...replicas.filter((one) => one !== leaving), fresh];
        sessions = [...sessions, await fresh.logIn(account)];
        await eventually(() => load.asked !== leaving);
        await leaving.close();
      }
    };

    await roll(OLD, NEW);
    const signedByOld = sessions.length;
    await roll(NEW, OLD);
    // An access token lives for half an hour; here those of the old key end at once.
    sessions = sessions.slice(signedByOld);
    await reseal(`${NEW},${OLD}`);
    await roll(NEW);

    expect(await load.end()).toEqual([]);
    for (const replica of replicas) await replica.close();
  });
});
