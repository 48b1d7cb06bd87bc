import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Checkpoints } from './checkpoints.js';
import { Hooks } from './hooks.js';
import { Keyring } from './keyring.js';
import { Lifecycle } from './lifecycle.js';

/** What every feature may use without asking. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [Checkpoints, Hooks, Keyring, Lifecycle],
  exports: [Checkpoints, Hooks, Keyring, Lifecycle],
})
export class CommonModule {}
