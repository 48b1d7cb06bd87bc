import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Checkpoints } from './checkpoints.js';
import { Hooks } from './hooks.js';
import { Keyring } from './keyring.js';
import { Lifecycle } from './lifecycle.js';
import { Repetitions } from './repetitions.js';

/** What every feature may use without asking. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [Checkpoints, Hooks, Keyring, Lifecycle, Repetitions],
  exports: [Checkpoints, Hooks, Keyring, Lifecycle, Repetitions],
})
export class CommonModule {}
