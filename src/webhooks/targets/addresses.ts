import { isIPv4, isIPv6 } from 'node:net';
import { plainAddress } from '../../common/ip.js';
import { networks } from '../../config/variable.js';

/**
 * What is not for everybody: nobody's, one's own, private, shared, link-local (where clouds keep their metadata), for
 * documents, for benchmarks, multicast and reserved.
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 */
const SPECIAL_V4 = networks.parse(
  [
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '192.88.99.0/24',
    '192.168.0.0/16',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '224.0.0.0/4',
    '240.0.0.0/4',
  ].join(),
);

/** All that is routed to everybody is in here: neither loopback nor link-local, unique-local, site-local or multicast. */
const GLOBAL_V6 = networks.parse('2000::/3');

/**
 * Of that, what is special all the same: assignments for protocols (Teredo and benchmarks among them), documents, and
 * 6to4, whose addresses lead to an IPv4 address.
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 */
const SPECIAL_V6 = networks.parse('2001::/23,2001:db8::/32,2002::/16,3fff::/20');

/** A translator makes an IPv4 address of what is in here: the last 32 bits (RFC 6052). */
const TRANSLATED = networks.parse('64:ff9b::/96');

/** However it is written. Of an IPv4 address that stands in an IPv6 one, that one counts. */
export function isPublic(address: string): boolean {
  const plain = unmapped(address);
  if (isIPv4(plain)) return !SPECIAL_V4.includes(plain);
  if (!isIPv6(plain) || plain.includes('%')) return false;
  if (TRANSLATED.includes(plain)) return isPublic(lastBitsOf(plain));
  return GLOBAL_V6.includes(plain) && !SPECIAL_V6.includes(plain);
}

/** An IPv4 address that is written as an IPv6 one, as itself. */
export function unmapped(address: string): string {
  const written = isIPv6(address) && !address.includes('%') ? canonical(address) : address;
  return /^::ffff:[0-9a-f]+:[0-9a-f]+$/.test(written) ? lastBitsOf(written) : plainAddress(address);
}

/** The form of RFC 5952, as URLs have it. */
const canonical = (address: string): string => new URL(`http://[${address}]`).hostname.slice(1, -1);

function lastBitsOf(address: string): string {
  const groups = canonical(address).split(':');
  const [high = 0, low = 0] = groups.slice(-2).map((group) => Number.parseInt(group || '0', 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
