import { Logger } from '@nestjs/common';
import type { Job, Queue } from 'bull';
import { Condition } from '../common/condition.js';
import { endsWithin } from '../common/deadline.js';
import { Finishes } from '../common/lifecycle.js';
import { GivenUpError, type OutboxDelivery } from '../database/outbox/outbox-delivery.js';
import type { Dispatch } from '../database/outbox/outbox.repository.js';

/** How long a queue may take to end its blocking call; a Redis that hangs never lets it. */
const CLOSE_MS = 1_000;

/** So many jobs of a queue stay whose rows were given up, for operators to see and to retry. */
const KEPT = 1_000;

/** What this process takes from a queue. */
export interface Consumption {
  /** So many jobs at once; none before it has begun. */
  places: number;
  /** Since the start. */
  taken: number;
  busy: number;
}

/** Makes the consuming side of Bull live with a Redis that comes and goes, and end in time. */
export class QueueWorkers {
  readonly consumed = new Map<Queue, Consumption>();
  private readonly logger = new Logger(QueueWorkers.name);

  constructor(
    private readonly queues: readonly Queue[],
    private readonly delivery: OutboxDelivery,
  ) {
    for (const queue of queues) {
      this.consumed.set(queue, tame(queue));
      const condition = new Condition(this.logger, `Queue ${queue.name}`);
      queue.on('error', (error) => condition.fails(error));
      queue.on('failed', (_, error) => {
        if (!(error instanceof GivenUpError)) condition.fails(error);
      });
      queue.on('completed', () => condition.works());
    }
  }

  /** `close(true)` fetches nothing more and does not wait for jobs; we do, since Bull's waiting fails while Redis is away. */
  @Finishes({})
  async finish(tooLate: AbortSignal): Promise<void> {
    const closed = Promise.all(this.queues.map((queue) => queue.close(true)));
    await this.delivery.stop(tooLate);
    await endsWithin(CLOSE_MS, closed);
  }
}

/**
 * Bull begins to consume, and names its connection, in promises that nobody awaits: one that is rejected because the
 * connection ends would end the process. Bull tells of what matters by events. And @nestjs/bull's own closing has no
 * time limit.
 */
function tame(queue: Queue): Consumption {
  const begin = queue.process.bind(queue) as (concurrency: number, work: Work) => Promise<void>;
  const consumption = { places: 0, taken: 0, busy: 0 };
  Object.assign(queue, {
    process: (concurrency: number, work: Work) => {
      consumption.places = concurrency;
      return begin(concurrency, counted(consumption, keepingDead(work))).catch(() => undefined);
    },
    setWorkerName: () => Promise.resolve(),
    onApplicationShutdown: () => undefined,
  });
  return consumption;
}

type Work = (job: Job<Dispatch>) => Promise<unknown>;

/** Not by Bull's events: it tells of an end only when Redis has heard of it. */
const counted =
  (consumption: Consumption, work: Work): Work =>
  async (job) => {
    consumption.taken += 1;
    consumption.busy += 1;
    try {
      return await work(job);
    } finally {
      consumption.busy -= 1;
    }
  };

/** Only the job of a row that was given up may stay, to be retried: Bull ignores the id of a job that it still knows. */
const keepingDead =
  (work: Work): Work =>
  (job) => {
    const revives = (job as Job & { retriedOn?: number }).retriedOn !== undefined;
    return work(Object.assign(job, { data: { ...job.data, revives } })).catch((error: unknown) => {
      if (error instanceof GivenUpError) job.opts.removeOnFail = KEPT;
      throw error;
    });
  };
