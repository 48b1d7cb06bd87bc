import { Global, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SideDatabase } from '../../database/apart/side-database.js';
import type { Settings } from '../../config/settings.js';
import { User } from '../user.entity.js';
import { UsersRepository } from '../users.repository.js';
import { TypeOrmUsersRepository } from '../users.repository.typeorm.js';
import { UserWrite } from './user-write.entity.js';
import { UserWritesRepository } from './user-writes.repository.js';
import { HomeInPostgres } from './users-home.js';
import { UsersHomeRepository } from './users-home.repository.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([User])],
  providers: [HomeInPostgres, { provide: UsersRepository, useClass: TypeOrmUsersRepository }],
  exports: [UsersRepository],
})
class PostgresUsersModule {}

/** Where the users live: the one place that asks whether MONGODB_URL is set. What MongoDB needs is loaded only then. */
@Module({})
export class UsersStoreModule {
  static for({ MONGODB_URL }: Settings): DynamicModule {
    const store = MONGODB_URL
      ? import('../mongo/mongo.module.js').then(({ MongoModule }) => MongoModule.for(MONGODB_URL))
      : PostgresUsersModule;
    return {
      module: UsersStoreModule,
      global: true,
      imports: [TypeOrmModule.forFeature([UserWrite]), store],
      providers: [SideDatabase, UsersHomeRepository, UserWritesRepository],
      exports: [UsersHomeRepository, UserWritesRepository],
    };
  }
}
