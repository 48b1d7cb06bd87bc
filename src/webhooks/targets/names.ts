import { Resolver } from 'node:dns/promises';
import { Injectable } from '@nestjs/common';

const QUESTION_MS = 2_000;
const TRIES = 2;

/** Nobody else is asked for these (RFC 6761 section 6.3). */
const LOCAL = /(^|\.)localhost\.?$/i;
export const LOOPBACK: readonly string[] = ['127.0.0.1', '::1'];

/**
 * Asks DNS itself, and not what this machine knows (/etc/hosts): that is nobody's business, and a slow server of somebody's
 * keeps none of the process's threads, on which passwords are hashed.
 */
@Injectable()
export class Names {
  /** Every address of a name. @throws the first failure where there is none. */
  async resolve(name: string, signal: AbortSignal): Promise<readonly string[]> {
    if (LOCAL.test(name)) return LOOPBACK;
    const resolver = new Resolver({ timeout: QUESTION_MS, tries: TRIES });
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      const failure = answers.find((answer) => answer.status === 'rejected');
      if (addresses.length === 0) throw failure?.reason;
      return addresses;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }
}

export const isLocalName = (name: string): boolean => LOCAL.test(name);
