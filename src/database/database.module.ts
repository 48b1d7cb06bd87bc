import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Settings } from '../config/settings.js';
import { Timings } from '../config/timings.js';
import { dataSourceOptions } from './data-source.js';
import { Database } from './database.js';
import { Replica } from './replica/replica.js';
import { Schema } from './schema.js';
import { SealedData } from './sealing/sealed-data.js';

@Global()
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [Settings, Timings],
      useFactory: ({ POSTGRES_URL }: Settings, timings: Timings) => ({
        ...dataSourceOptions(POSTGRES_URL, timings),
        autoLoadEntities: true,
        retryAttempts: 5,
        retryDelay: 1_000,
        verboseRetryLog: false,
      }),
    }),
  ],
  providers: [Database, Replica, Schema, SealedData],
  exports: [Database],
})
export class DatabaseModule {}
