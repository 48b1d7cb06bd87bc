import { isIPv4, isIPv6 } from 'node:net';

/** The eight groups of an IPv6 address, written out. */
function groups(address: string): string[] {
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const before = head ? head.split(':') : [];
  const after = tail ? tail.split(':') : [];
  const gap = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(Math.max(0, gap)).fill('0'), ...after];
}

/** An IPv4 address that came in over an IPv6 socket, as itself. */
export const plainAddress = (address: string): string => /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address)?.[1] ?? address;

/**
 * The network that an address belongs to: /24 for IPv4, /48 for IPv6. Enough for a person to recognise a session and for
 * an operator to see a pattern, and no longer personal data.
 */
export function networkOf(address: string): string {
  const plain = plainAddress(address);
  if (isIPv4(plain)) return `${plain.split('.').slice(0, 3).join('.')}.0/24`;
  if (isIPv6(plain))
    return `${groups(plain)
      .slice(0, 3)
      .map((group) => group.toLowerCase())
      .join(':')}::/48`;
  return 'unknown';
}
