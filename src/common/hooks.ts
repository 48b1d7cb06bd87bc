import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { DiscoverableDecorator } from '@nestjs/core';

/** A method that a decorator marked, bound to its provider. */
export interface Hook<Options, Handler> {
  readonly options: Options;
  readonly handle: Handler;
}

/**
 * Finds the methods that carry a decorator, wherever they live, so that a feature declares at the spot what others call:
 * no registry to edit, no import from the caller to the called.
 */
@Injectable()
export class Hooks {
  private readonly found = new Map<unknown, Hook<unknown, unknown>[]>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  /**
   * Call it once all providers are there, from `onModuleInit` on: what was found is what will be found.
   * @returns the marked methods of every provider, in the order in which their modules were imported.
   */
  find<Options, Handler>(decorator: DiscoverableDecorator<Options>): readonly Hook<Options, Handler>[] {
    const hooks = this.found.get(decorator) ?? this.search(decorator);
    this.found.set(decorator, hooks);
    return hooks as Hook<Options, Handler>[];
  }

  private search<Options>(decorator: DiscoverableDecorator<Options>): Hook<Options, unknown>[] {
    const providers = this.discovery
      .getProviders()
      .filter(({ instance }) => instance !== null && typeof instance === 'object');
    // One that goes by two tokens is one.
    return [...new Map(providers.map((wrapper) => [wrapper.instance as object, wrapper])).values()].flatMap(
      (wrapper) => {
        const instance = wrapper.instance as Record<string, (...args: unknown[]) => unknown>;
        return this.scanner.getAllMethodNames(Object.getPrototypeOf(instance) as object).flatMap((name) => {
          const options = this.discovery.getMetadataByDecorator(decorator, wrapper, name);
          return options === undefined ? [] : [{ options, handle: instance[name]!.bind(instance) }];
        });
      },
    );
  }
}
