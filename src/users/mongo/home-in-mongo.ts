import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InvalidSettingsError } from '../../config/read-settings.js';
import { Database } from '../../database/database.js';
import { assertAtRest } from '../store/users-home.js';
import { UsersHomeRepository, type Home } from '../store/users-home.repository.js';
import { UserDocuments } from './user-documents.mongoose.js';

/** A process whose users are in MongoDB makes its indexes, unless it does not start since it would leave others behind. */
@Injectable()
export class HomeInMongo implements OnModuleInit {
  constructor(
    private readonly documents: UserDocuments,
    private readonly homes: UsersHomeRepository,
    private readonly database: Database,
  ) {}

  /** @throws {InvalidSettingsError} the users are in PostgreSQL, or on their way. */
  async onModuleInit(): Promise<void> {
    const home = await this.homes.find();
    if (home) await this.assertHome(home);
    await this.documents.prepare();
    if (home?.store === 'postgresql') await this.homes.set({ store: 'mongodb', moving_to: null });
  }

  private async assertHome(home: Home): Promise<void> {
    assertAtRest(home.moving_to);
    const is_empty = await this.database.asSystem(async () => (await this.documents.countAll({}, 1)) === 0);
    if (home.in_postgresql && (home.store === 'postgresql' || is_empty)) {
      throw new InvalidSettingsError([
        'MONGODB_URL is set, and the users are in PostgreSQL: run `npm run users:move -- mongodb`, or leave it out',
      ]);
    }
  }
}
