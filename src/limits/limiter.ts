import { setTimeout } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { Condition } from '../common/condition.js';
import { Measures, type Sample } from '../common/measures.js';
import { RateLimitedError, wholeSeconds } from '../common/rate-limit.js';
import { requestContext, type Standing } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { Timings } from '../config/timings.js';
import type { Rate } from '../config/variable.js';
import { LimiterStorage, type Check, type Tally } from './limiter-storage.js';
import { MemoryLimiterStorage } from './memory-limiter.js';
import { POLICIES, type LimiterPolicy, type Policy, type PostgresPolicy } from './policies.js';
import { PostgresLimiterStorage } from './postgres-limiter.js';
import { Subjects } from './subjects.js';

/** Whose hit it is, and how many of them are allowed where that is not the same for everybody. */
export interface Hit {
  readonly subject: string;
  readonly rate?: Rate | undefined;
}

type Counted = Standing & Tally;

/** A hit of nobody: where this one can be counted, all can. */
const TRIAL: Check = { policy: 'trial', subject: 'nobody', limit: 1, window_ms: 1_000 };

/**
 * Where limits are counted: for all processes together or, while Redis is away, for this one alone, as strictly as each
 * policy says. It is the storage of @nestjs/throttler's guard too.
 */
@Injectable()
export class Limiter implements ThrottlerStorage, OnApplicationShutdown {
  private readonly condition = new Condition(new Logger(Limiter.name), 'Counting limits together');
  private readonly closing = new AbortController();
  private alone = false;

  constructor(
    private readonly storage: LimiterStorage,
    private readonly local: MemoryLimiterStorage,
    private readonly postgres: PostgresLimiterStorage,
    private readonly subjects: Subjects,
    private readonly settings: Settings,
    private readonly timings: Timings,
  ) {}

  /** Whether this process counts alone, since Redis is away. */
  get degraded(): boolean {
    return this.alone;
  }

  /**
   * Counts one hit of each subject under its policy, or none at all.
   * @param hits - the subject of each policy, whose own rate counts unless another is given.
   * @returns how they stand now.
   * @throws {RateLimitedError} one of them has no room.
   */
  async take(hits: Partial<Record<LimiterPolicy, string | Hit>>): Promise<readonly Standing[]> {
    const checks = Object.entries(hits).map(([policy, hit]): Check => {
      const { subject, rate }: Hit = typeof hit === 'string' ? { subject: hit } : hit;
      return { policy, subject, ...(rate ?? POLICIES[policy as LimiterPolicy].rate(this.settings)) };
    });
    const [inPostgres, inRedis] = [checks.filter(isInPostgres), checks.filter((check) => !isInPostgres(check))];
    const counted = [...(await this.countIn(this.postgres, inPostgres)), ...(await this.count(inRedis))];
    const waits = counted.filter(({ full }) => full).map(({ reset_ms }) => reset_ms);
    if (waits.length > 0) throw new RateLimitedError(wholeSeconds(Math.max(...waits)));
    return counted;
  }

  /** Takes back all that was counted of each subject. Joins the caller's transaction. */
  async forgive(subjects: Partial<Record<PostgresPolicy, string>>): Promise<void> {
    for (const [policy, subject] of Object.entries(subjects)) {
      await this.postgres.forget(policy, this.subjects.digest(subject));
    }
  }

  /**
   * For what is to be said once in a window, by whichever process. Counts against no limit, and no client hears of it.
   * @returns whether nobody has been first with this subject within the window, and in how many milliseconds there may be
   * a first one again.
   */
  async claim(what: string, subject: string, window_ms: number): Promise<{ first: boolean; again_ms: number }> {
    const check: Check = { policy: what, subject: this.subjects.digest(subject), limit: 1, window_ms };
    const counted = (this.alone ? this.local : this.storage).take([check]).catch((error: unknown) => {
      this.goAlone(error);
      return this.local.take([check]);
    });
    const [{ full, reset_ms }] = await counted;
    return { first: !full, again_ms: reset_ms };
  }

  /** What @nestjs/throttler asks for: one hit, its answer in seconds. Nothing is barred for longer than its window. */
  async increment(
    subject: string,
    window_ms: number,
    limit: number,
    _: number,
    policy: string,
  ): ReturnType<ThrottlerStorage['increment']> {
    const [{ hits, full, reset_ms }] = await this.count([{ policy, subject, limit, window_ms }]);
    const reset = wholeSeconds(reset_ms);
    return { totalHits: hits, timeToExpire: reset, isBlocked: full, timeToBlockExpire: full ? reset : 0 };
  }

  @Measures({ name: 'omni_limiter_degraded', help: 'Whether limits are counted in this process alone: Redis is away' })
  measure(): Sample[] {
    return [{ value: this.degraded ? 1 : 0 }];
  }

  onApplicationShutdown(): void {
    this.closing.abort();
  }

  private async count(checks: readonly Check[]): Promise<Counted[]> {
    if (!this.alone) {
      try {
        return await this.countIn(this.storage, checks);
      } catch (error) {
        this.goAlone(error);
      }
    }
    return this.countIn(this.local, checks.map(share));
  }

  private async countIn(storage: LimiterStorage, named: readonly Check[]): Promise<Counted[]> {
    if (named.length === 0) return [];
    const checks = named.map((check) => ({ ...check, subject: this.subjects.digest(check.subject) }));
    return tell(checks, await storage.take(checks));
  }

  private goAlone(error: unknown): void {
    this.condition.fails(error);
    if (this.alone) return;
    this.alone = true;
    void this.rejoin();
  }

  /** Tries again until it works, beside the requests: none of them waits for it. */
  private async rejoin(): Promise<void> {
    const { signal } = this.closing;
    while (this.alone && !signal.aborted) {
      await setTimeout(this.timings.limiter_retry_ms, undefined, { signal, ref: false }).catch(() => undefined);
      this.alone = await this.storage.take([TRIAL]).then(
        () => false,
        () => true,
      );
    }
    if (!this.alone) this.condition.works();
  }
}

const isInPostgres = ({ policy }: Check): boolean =>
  POLICIES[policy as LimiterPolicy].without_redis === 'in PostgreSQL, as always';

/** What this process allows on its own. */
function share(check: Check): Check {
  const { without_redis }: Policy = POLICIES[check.policy as LimiterPolicy];
  return without_redis === 'locally' ? check : { ...check, limit: Math.max(1, Math.floor(check.limit / 4)) };
}

/** The client hears of the tightest: what is full, else what has the least left. */
function tell(checks: readonly Check[], tallies: readonly Tally[]): Counted[] {
  const counted = tallies.map((tally, index): Counted => {
    const { policy, limit, window_ms } = checks[index];
    return { ...tally, policy, limit, window_ms, remaining: tally.full ? 0 : Math.max(0, limit - tally.hits) };
  });
  const [tightest] = counted.toSorted((one, other) => one.remaining - other.remaining || other.reset_ms - one.reset_ms);
  requestContext()?.onStanding?.(tightest);
  return counted;
}
