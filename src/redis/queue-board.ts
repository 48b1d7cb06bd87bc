import type { Queue } from 'bull';
import type { FastifyInstance } from 'fastify';
import { Measures, type Sample } from '../common/measures.js';
import { OpsRoutes } from '../common/ops-routes.js';
import { STANDARD_HEADERS } from '../common/security-headers.js';

const PATH = '/queues';

/** Its own files and nothing else; it writes styles into its elements, and has no script within its page. */
const POLICY = [
  `default-src 'none'`,
  `script-src 'self'`,
  `style-src 'self' 'unsafe-inline'`,
  `img-src 'self' data:`,
  `font-src 'self'`,
  `connect-src 'self'`,
  `base-uri 'self'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
].join('; ');

/** The queues, for operators to look at, in numbers and as pages of the ops port. */
export class QueueBoard {
  constructor(private readonly queues: readonly Queue[]) {}

  @Measures({ name: 'omni_queue_jobs', help: 'Jobs of Bull, by queue and state', labels: ['queue', 'state'] })
  async jobs(): Promise<Sample[]> {
    const counted = this.queues.map(async (queue) => {
      const { waiting, active, delayed, failed } = await queue.getJobCounts();
      const states = Object.entries({ waiting, active, delayed, failed });
      return states.map(([state, value]) => ({ value, labels: { queue: queue.name, state } }));
    });
    return (await Promise.all(counted)).flat();
  }

  @OpsRoutes({})
  async routes(server: FastifyInstance): Promise<void> {
    // A process without queues does not load it.
    const [{ createBullBoard }, { BullAdapter }, { FastifyAdapter }] = await Promise.all([
      import('@bull-board/api'),
      import('@bull-board/api/bullAdapter'),
      import('@bull-board/fastify'),
    ]);
    const board = new FastifyAdapter();
    board.setBasePath(PATH);
    createBullBoard({
      // A row's id is all that a job holds.
      queues: this.queues.map((queue) => new BullAdapter(queue, { description: 'Of the outbox' })),
      serverAdapter: board,
      options: { uiConfig: { boardTitle: 'Omni', hideRedisDetails: true } },
    });
    await server.register(
      async (pages) => {
        pages.addHook('onSend', (_, reply, payload, done) => {
          void reply.headers({ ...STANDARD_HEADERS, 'content-security-policy': POLICY });
          // Its page asks a stranger for a font.
          done(null, typeof payload === 'string' ? payload.replaceAll(/<link href="https:[^>]*>/g, '') : payload);
        });
        await pages.register(board.registerPlugin());
      },
      { prefix: PATH },
    );
  }
}
