import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InvalidSettingsError } from '../../config/read-settings.js';
import { Database } from '../../database/database.js';
import { NOT_MIGRATED, stranger } from '../store/installation.js';
import { assertAtRest } from '../store/users-home.js';
import { UsersHomeRepository, type Home } from '../store/users-home.repository.js';
import { InstallationInMongo } from './installation.mongoose.js';
import { UserDocuments } from './user-documents.mongoose.js';

/**
 * A process whose users are in MongoDB makes its indexes and puts down where the users are, unless it does not start since
 * it would leave others behind, or could not put that down.
 */
@Injectable()
export class HomeInMongo implements OnModuleInit {
  constructor(
    private readonly documents: UserDocuments,
    private readonly installation: InstallationInMongo,
    private readonly homes: UsersHomeRepository,
    private readonly database: Database,
  ) {}

  /**
   * @throws {InvalidSettingsError} the users are in PostgreSQL, or on their way; or it is another installation's MongoDB; or
   * nobody would know where the users are, since the tables are older than that.
   */
  async onModuleInit(): Promise<void> {
    const home = await this.homes.find();
    if (!home?.installation_id)
      throw new InvalidSettingsError([`MONGODB_URL is set. ${NOT_MIGRATED}, then start again`]);
    await this.assertHome(home);
    await this.documents.prepare();
    this.assertOurs(home, await this.installation.claim(home.installation_id));
    if (home.store === 'mongodb' && home.paired) return;
    await this.homes.set({ store: 'mongodb', moving_to: null, paired: true });
  }

  private async assertHome(home: Home): Promise<void> {
    assertAtRest(home.moving_to);
    const is_empty = await this.database.asSystem(async () => (await this.documents.countAll({}, 1)) === 0);
    this.assertOurs(home, await this.installation.id(), is_empty);
    if (home.in_postgresql && (home.store === 'postgresql' || is_empty)) {
      throw new InvalidSettingsError([
        'MONGODB_URL is set, and the users are in PostgreSQL: run `npm run users:move -- mongodb`, or leave it out',
      ]);
    }
  }

  private assertOurs(home: Home, found: string | null, is_empty = false): void {
    const mistake = stranger(home, found, is_empty);
    if (mistake) throw new InvalidSettingsError([mistake]);
  }
}
