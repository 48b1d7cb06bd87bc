import type { MongooseModuleOptions } from '@nestjs/mongoose';
import { createConnection, type Connection, type Model } from 'mongoose';
import type { Timings } from '../../config/timings.js';
import { InstallationInMongo } from './installation.mongoose.js';
import { InstallationDocument, InstallationSchema } from './installation.schema.js';
import { UserDocuments } from './user-documents.mongoose.js';
import { UserDocument, UserSchema } from './user.schema.js';

/**
 * The options of the one connection. Nobody waits longer than for PostgreSQL: neither for a server nor for a connection,
 * nor for an answer; and a query is not kept for a server that may come. As there, a start that finds nobody tries again.
 */
export const connectionOptions = ({ pool_wait_ms, statement_ms }: Timings): MongooseModuleOptions => ({
  appName: 'omni',
  bufferCommands: false,
  autoIndex: false,
  autoCreate: false,
  serverSelectionTimeoutMS: pool_wait_ms,
  connectTimeoutMS: pool_wait_ms,
  waitQueueTimeoutMS: pool_wait_ms,
  socketTimeoutMS: statement_ms,
  maxPoolSize: 10,
  writeConcern: { w: 'majority' },
  readPreference: 'primary',
  retryAttempts: 5,
  retryDelay: 1_000,
  verboseRetryLog: false,
  connectionFactory: (connection: Connection): Connection => {
    connection.set('sanitizeFilter', true);
    return connection;
  },
});

/** The users in MongoDB for a command that works beside the server, for as long as `work` takes. */
export async function withDocuments<T>(
  url: string,
  timings: Timings,
  work: (documents: UserDocuments, installation: InstallationInMongo) => Promise<T>,
): Promise<T> {
  const {
    connectionFactory,
    retryAttempts: _,
    retryDelay: __,
    verboseRetryLog: ___,
    ...options
  } = connectionOptions(timings);
  const connection = createConnection(url, options);
  connectionFactory?.(connection, '');
  try {
    await connection.asPromise();
    const users = connection.model(UserDocument.name, UserSchema) as unknown as Model<UserDocument>;
    const installation = connection.model(
      InstallationDocument.name,
      InstallationSchema,
    ) as unknown as Model<InstallationDocument>;
    return await work(new UserDocuments(users), new InstallationInMongo(installation));
  } finally {
    await connection.close();
  }
}
