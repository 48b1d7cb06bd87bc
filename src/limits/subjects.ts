import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { normalizeIp } from '@nestjs/throttler';
import { Keyring } from '../common/keyring.js';
import { Settings } from '../config/settings.js';

const PURPOSE = 'limits';
/** 128 bits. */
const LENGTH = 22;

/** What one client commands: an IPv4 address, in whichever form it came, or an IPv6 network of 64 bits. */
export const clientNetwork = (address: string): string => normalizeIp(address);

/** Names that limits are counted under. They say nothing of whom they stand for to whoever has not our keys. */
@Injectable()
export class Subjects {
  constructor(
    private readonly keyring: Keyring,
    private readonly settings: Settings,
  ) {}

  digest(subject: string, kid?: string): string {
    return createHmac('sha256', this.keyring.derive(PURPOSE, kid)).update(subject).digest('base64url').slice(0, LENGTH);
  }

  /** As any key of the ring would have it: what was stored under an older one is still found. */
  digests(subject: string): string[] {
    return [...this.settings.SECRET_KEY.keys()].map((kid) => this.digest(subject, kid));
  }
}
