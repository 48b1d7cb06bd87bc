import type { Logger } from '@nestjs/common';
import { mongo, type Model, type ProjectionType, type QueryFilter, type SortOrder, type UpdateQuery } from 'mongoose';
import { errorLabel } from '../../common/condition.js';
import { DatabaseUnavailableError, errorOf } from '../../database/constraints.js';

/** How every collection of ours is described: what is not declared is refused, and nothing is made or kept waiting unasked. */
export const SCHEMA = {
  versionKey: false,
  strict: 'throw',
  strictQuery: 'throw',
  bufferCommands: false,
  autoCreate: false,
  autoIndex: false,
} as const;

export interface FindMany {
  readonly skip?: number;
  /** 100 where it is left out; 0 for all. */
  readonly limit?: number;
  readonly sort?: Record<string, SortOrder>;
  readonly projection?: object;
}

const DUPLICATE_KEY = 11_000;
const INDEX_IN_MESSAGE = / index: (\S+) dup key/;
/** What the driver throws when there is nobody to ask, or no answer came. */
const UNAVAILABLE =
  /Network|ServerSelection|NotConnected|TopologyClosed|PoolCleared|PoolClosed|WaitQueueTimeout|OperationTimeout|ServerClosed|ClientClosed|ExpiredSession|StalePrimary/;
/** Mongoose's own, which has no name: the first connection never came to be, or was closed. */
const NOT_CONNECTED = /before initial connection is complete|before disconnecting|while the connection is closed/i;
/** Interrupted, no primary, stepping down, shutting down, took too long, not known to be safe from a failure. */
const UNAVAILABLE_CODES = new Set([6, 7, 50, 64, 89, 91, 189, 262, 9_001, 10_107, 11_600, 11_602, 13_435, 13_436]);

/**
 * The operations of one collection, and nothing of what they are for. What fails is logged without its message, which may
 * hold somebody's address, and thrown as the domain's own error.
 */
export abstract class Documents<Doc extends { _id: string }> {
  protected abstract readonly logger: Logger;

  constructor(protected readonly model: Model<Doc>) {}

  /** @returns the first that matches; null where none does. */
  async findOne(query: QueryFilter<Doc>, projection?: ProjectionType<Doc>): Promise<Doc | null> {
    return this.attempt('Finding a document', () => this.model.findOne(query, projection).lean<Doc>().exec());
  }

  /** @returns those that match, in this order. */
  async findMany(
    query: QueryFilter<Doc>,
    { skip = 0, limit = 100, sort = {}, projection }: FindMany = {},
  ): Promise<Doc[]> {
    return this.attempt('Finding documents', () =>
      this.model.find(query, projection).sort(sort).skip(skip).limit(limit).lean<Doc[]>().exec(),
    );
  }

  /** @param limit - counts no further. */
  async count(query: QueryFilter<Doc>, limit?: number): Promise<number> {
    return this.attempt('Counting documents', () =>
      this.model.countDocuments(query, limit === undefined ? {} : { limit }).exec(),
    );
  }

  /**
   * @returns its id.
   * @throws {ServiceError} the error that a unique index stands for (`@RaisedBy`).
   */
  async insertOne(document: Doc): Promise<string> {
    return this.attempt('Inserting a document', async () => {
      await this.model.insertOne(document as Parameters<Model<Doc>['insertOne']>[0]);
      return document._id;
    });
  }

  /**
   * @param upsert - makes one where none matches.
   * @returns how many were changed, or made.
   * @throws {ServiceError} the error that a unique index stands for (`@RaisedBy`).
   */
  async updateOne(query: QueryFilter<Doc>, update: UpdateQuery<Doc>, { upsert = false } = {}): Promise<number> {
    return this.attempt('Updating a document', async () => {
      const { modifiedCount, upsertedCount } = await this.model.updateOne(query, update, { upsert }).exec();
      return modifiedCount + upsertedCount;
    });
  }

  /** @returns how many were deleted. */
  async deleteOne(query: QueryFilter<Doc>): Promise<number> {
    return this.attempt('Deleting a document', async () => (await this.model.deleteOne(query).exec()).deletedCount);
  }

  protected async attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const index = brokenIndex(error);
      const expected = index !== null && errorOf(index, error);
      if (expected) throw expected;
      this.logger.error(`${what} fails: ${errorLabel(error)}`);
      throw isUnavailable(error) ? new DatabaseUnavailableError({ cause: error }) : error;
    }
  }
}

/** Which unique index an error is about; null where it is about something else. The message is the one place that always says it. */
export function brokenIndex(error: unknown): string | null {
  const { code, message = '' } = error as { code?: unknown; message?: string };
  return code === DUPLICATE_KEY ? (INDEX_IN_MESSAGE.exec(message)?.[1] ?? '') : null;
}

function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof mongo.MongoServerError) return UNAVAILABLE_CODES.has(Number(error.code));
  return UNAVAILABLE.test(error.name) || NOT_CONNECTED.test(error.message);
}
