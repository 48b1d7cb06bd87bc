import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InvalidSettingsError } from '../../config/read-settings.js';
import { UsersHomeRepository } from './users-home.repository.js';

/** A process whose users are in PostgreSQL does not start where they have moved out. */
@Injectable()
export class HomeInPostgres implements OnModuleInit {
  constructor(private readonly homes: UsersHomeRepository) {}

  /** @throws {InvalidSettingsError} the users live in MongoDB, or are on their way. */
  async onModuleInit(): Promise<void> {
    const home = await this.homes.find();
    if (!home) return;
    assertAtRest(home.moving_to);
    if (home.store === 'postgresql') return;
    throw new InvalidSettingsError([
      'MONGODB_URL is not set, and the users live in MongoDB: set it, or set it for once and run ' +
        '`npm run users:move -- postgresql`',
    ]);
  }
}

/** @throws {InvalidSettingsError} the users are on their way from one store to the other. */
export function assertAtRest(moving_to: string | null): void {
  if (moving_to === null) return;
  throw new InvalidSettingsError([
    `The users are being moved: run \`npm run users:move -- ${moving_to}\` until it is done, or the other way to give it up; ` +
      'then start again',
  ]);
}
