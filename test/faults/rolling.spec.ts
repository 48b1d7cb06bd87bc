import { Agent, request, type IncomingMessage } from 'node:http';
import { startApp } from '../support/app.js';
import { startShipped, type Shipped } from '../support/shipped.js';

const RESTARTS = 20;
const CLIENTS = 4;

jest.setTimeout(20 * 60_000);

/** What stands before the replicas: keeps its connections, asks each for its readiness, and leaves one that says 503. */
class Balancer {
  readonly failures: string[] = [];
  served = 0;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });
  private readonly inUse = new Set<Shipped>();
  private turn = 0;
  private ended = false;

  constructor(private readonly token: string) {}

  add(replica: Shipped): void {
    this.inUse.add(replica);
    void this.watch(replica);
  }

  /** As many clients as that ask, one after the other, until it is told to end. */
  async serve(clients: number): Promise<void> {
    await Promise.all(Array.from({ length: clients }, () => this.client()));
    this.agent.destroy();
  }

  end(): void {
    this.ended = true;
  }

  private async client(): Promise<void> {
    while (!this.ended) {
      const replicas = [...this.inUse];
      const replica = replicas[this.turn++ % replicas.length];
      if (!replica) throw new Error('No replica is ready');
      const status = await this.ask(`${replica.url}/api/v1/users/me`).catch((error: Error) => error.message);
      this.served += 1;
      if (status !== 200) this.failures.push(String(status));
    }
  }

  private async watch(replica: Shipped): Promise<void> {
    while (!this.ended && this.inUse.has(replica)) {
      const status = await this.ask(`${replica.url}/health/ready`).catch(() => 503);
      if (status !== 200) this.inUse.delete(replica);
      else await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  private ask(url: string): Promise<number> {
    const headers = { authorization: `Bearer ${this.token}` };
    return new Promise((resolve, reject) => {
      const asked = request(url, { agent: this.agent, headers }, (answer: IncomingMessage) => {
        answer.resume().on('end', () => resolve(answer.statusCode!));
        answer.on('error', reject);
      });
      asked.on('error', reject).end();
    });
  }
}

describe(`a rolling restart of two processes, ${RESTARTS} times, under load on connections that are kept (R1)`, () => {
  it('fails no request', async () => {
    const app = await startApp();
    const ada = await app.signUp();
    const settings = { PROCESS_ROLE: 'api' } as const;
    const replicas = [await startShipped({ settings }), await startShipped({ settings })];
    const balancer = new Balancer(ada.token);
    for (const replica of replicas) balancer.add(replica);
    const serving = balancer.serve(CLIENTS);
    const exits: (number | null)[] = [];
    const took: number[] = [];
    for (let restart = 0; restart < RESTARTS; restart++) {
      const next = await startShipped({ settings });
      balancer.add(next);
      replicas.push(next);
      const began = performance.now();
      exits.push(await replicas.shift()!.end());
      took.push(performance.now() - began);
    }
    balancer.end();
    await serving;

    process.stderr.write(
      `${RESTARTS} restarts, ${balancer.served} requests, the slowest end ${Math.round(Math.max(...took))} ms\n`,
    );
    expect(balancer.failures).toEqual([]);
    expect(new Set(exits)).toEqual(new Set([0]));
    for (const replica of replicas) await replica.end();
    await app.close();
  });
});
