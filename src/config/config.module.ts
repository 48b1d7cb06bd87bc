import { Global, Module, type DynamicModule } from '@nestjs/common';
import { modeOf } from './mode.js';
import { Settings } from './settings.js';
import { Timings } from './timings.js';

/** DI token of the {@link Mode} in force. */
export const MODE = Symbol('mode');

/** Gives every module the frozen settings, the mode that they select, and the spans of time. */
@Global()
@Module({})
export class ConfigModule {
  static for(settings: Settings, timings: Timings): DynamicModule {
    const providers = [
      { provide: Settings, useValue: settings },
      { provide: Timings, useValue: timings },
      { provide: MODE, useValue: modeOf(settings) },
    ];
    return { module: ConfigModule, providers, exports: providers };
  }
}
