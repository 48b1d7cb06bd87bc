import { request as httpRequest, Agent as HttpAgent, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest, Agent as HttpsAgent } from 'node:https';
import { isIPv6, type LookupFunction, type Socket } from 'node:net';
import { Injectable } from '@nestjs/common';
import { Targets } from './targets.js';

/** What a receiver says of it is of no interest; so much of it is heard out. */
const MOST_BYTES = 64 * 1024;

/** Agents of our own: the process's may be told by the environment to go through a proxy, which looks names up for itself. */
const HTTP = new HttpAgent({ keepAlive: false });
const HTTPS = new HttpsAgent({ keepAlive: false, maxCachedSessions: 0, rejectUnauthorized: true });

/** The one way for webhooks to leave: a POST to an address that was looked at. Redirects are answers like any other. */
@Injectable()
export class Sender {
  constructor(private readonly targets: Targets) {}

  /**
   * @returns the status of the answer.
   * @throws {AddressRefusedError} it leads to where nobody may ask.
   * @throws what kept it from being answered before the signal was aborted.
   */
  async post(url: string, headers: Record<string, string>, body: Buffer, signal: AbortSignal): Promise<number> {
    const target = new URL(url);
    const addresses = await this.targets.addressesOf(target, signal);
    signal.throwIfAborted();
    const isSecure = target.protocol === 'https:';
    const options: RequestOptions = {
      method: 'POST',
      headers: { ...headers, 'content-length': body.length },
      agent: isSecure ? HTTPS : HTTP,
      lookup: answering(addresses),
      signal,
    };
    return new Promise((resolve, reject) => {
      const asked = (isSecure ? httpsRequest : httpRequest)(target, options, (answer) => {
        void heardOut(answer).then(() => resolve(answer.statusCode ?? 0));
      });
      // Whoever answers 101 has given the connection to something that is not HTTP, and there is no response to hear out.
      asked.once('upgrade', ({ statusCode = 0 }: IncomingMessage, socket: Socket) => {
        socket.destroy();
        resolve(statusCode);
      });
      asked.on('error', reject);
      // It ends when its time is over, whatever the request says of itself; and an abort says why, not only that it was one.
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      asked.end(body);
    });
  }
}

/** Whatever name is asked for, these are its addresses: they were looked at. */
function answering(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  return (_, options, answer) => {
    if (options.all) answer(null, all);
    else answer(null, all[0]!.address, all[0]!.family);
  };
}

/** The status has said all; the rest is read so far, and for as long as the attempt may take. */
function heardOut(answer: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    answer.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > MOST_BYTES) answer.destroy();
    });
    answer.on('error', () => undefined);
    answer.once('close', resolve);
  });
}
