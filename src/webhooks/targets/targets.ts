import { isIP } from 'node:net';
import { Injectable } from '@nestjs/common';
import { ValidationError } from '../../common/service-error.js';
import { Settings } from '../../config/settings.js';
import { isPublic, unmapped } from './addresses.js';
import { isLocalName, LOOPBACK, Names } from './names.js';

/** It leads to where nobody but ourselves may ask. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
}

/** It would go over the wire for everybody to read. */
export class UnencryptedTargetError extends Error {
  override readonly name = 'UnencryptedTargetError';
}

/**
 * Where webhooks may go: to public addresses, any port of them, and to what WEBHOOK_ALLOWED_CIDRS opens; by https alone in
 * production. What a name stands for is looked up once for each attempt, every address of it is looked at, and the
 * connection is made to these very addresses: between look and connection there is no second question (OWASP API7:2023).
 */
@Injectable()
export class Targets {
  constructor(
    private readonly settings: Settings,
    private readonly names: Names,
  ) {}

  /**
   * What can be known before anybody asks for the name: it is asked for at each attempt.
   * @throws {ValidationError}
   */
  assertAllowed(url: string): void {
    const target = new URL(url);
    if (!this.isProtected(target)) throw wrongUrl('https', 'must begin with https://');
    const host = hostOf(target);
    const known = isIP(host) ? [host] : isLocalName(host) ? LOOPBACK : [];
    if (known.some((address) => !this.mayReach(address)))
      throw wrongUrl('address', 'must not lead to a private or reserved address');
  }

  /**
   * The addresses that a connection to this target may be made to.
   * @throws {AddressRefusedError} one of them is not for everybody, and not allowed either.
   * @throws {UnencryptedTargetError}
   * @throws what DNS has answered, where there is no address.
   */
  async addressesOf(target: URL, signal: AbortSignal): Promise<readonly string[]> {
    if (!this.isProtected(target)) throw new UnencryptedTargetError();
    const host = hostOf(target);
    const addresses = isIP(host) ? [host] : await this.names.resolve(host, signal);
    const reachable = addresses.filter((address) => this.mayReach(address));
    if (reachable.length === 0 || reachable.length < addresses.length) throw new AddressRefusedError();
    return addresses;
  }

  private isProtected({ protocol }: URL): boolean {
    return protocol === 'https:' || (protocol === 'http:' && this.settings.NODE_ENV !== 'production');
  }

  private mayReach(address: string): boolean {
    return isPublic(address) || (this.settings.WEBHOOK_ALLOWED_CIDRS?.includes(unmapped(address)) ?? false);
  }
}

/** A number in whatever writing is an address by now; only IPv6 has brackets to lose. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1');

const wrongUrl = (code: string, message: string): ValidationError =>
  new ValidationError([{ pointer: '#/url', code, message }]);
