import { Module, type DynamicModule } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { Timings } from '../../config/timings.js';
import { UsersRepository } from '../users.repository.js';
import { HomeInMongo } from './home-in-mongo.js';
import { InstallationInMongo } from './installation.mongoose.js';
import { InstallationDocument, InstallationSchema } from './installation.schema.js';
import { connectionOptions } from './connection.mongoose.js';
import { UserDocuments } from './user-documents.mongoose.js';
import { UserWrites } from './user-writes.js';
import { UserDocument, UserSchema } from './user.schema.js';
import { MongooseUsersRepository } from './users.repository.mongoose.js';

/** Users in MongoDB. Loaded by processes that have a MONGODB_URL, and by no others. */
@Module({})
export class MongoModule {
  static for(uri: string): DynamicModule {
    return {
      module: MongoModule,
      global: true,
      imports: [
        MongooseModule.forRootAsync({
          inject: [Timings],
          useFactory: (timings: Timings) => ({ uri, ...connectionOptions(timings) }),
        }),
        MongooseModule.forFeature([
          { name: UserDocument.name, schema: UserSchema },
          { name: InstallationDocument.name, schema: InstallationSchema },
        ]),
      ],
      providers: [
        HomeInMongo,
        InstallationInMongo,
        UserDocuments,
        UserWrites,
        { provide: UsersRepository, useClass: MongooseUsersRepository },
      ],
      exports: [UsersRepository],
    };
  }
}
