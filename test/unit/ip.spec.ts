import { networkOf, plainAddress } from '../../src/common/ip.js';

describe('networkOf()', () => {
  it.each([
    ['203.0.113.77', '203.0.113.0/24'],
    ['0.0.0.0', '0.0.0.0/24'],
    ['::ffff:203.0.113.77', '203.0.113.0/24'],
    ['::FFFF:203.0.113.77', '203.0.113.0/24'],
    ['2001:db8:1234:5678:9abc:def0:1234:5678', '2001:db8:1234::/48'],
    ['2001:DB8:1234::1', '2001:db8:1234::/48'],
    ['2001:db8::1', '2001:db8:0::/48'],
    ['fe80::1%eth0', 'fe80:0:0::/48'],
    ['::1', '0:0:0::/48'],
    ['::', '0:0:0::/48'],
  ])('shortens %s to %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it.each(['', 'unknown', '203.0.113.256', '203.0.113', '2001:db8:::1', 'localhost', '203.0.113.7:8080'])(
    'repeats nothing of "%s", which is no address',
    (text) => {
      expect(networkOf(text)).toBe('unknown');
    },
  );
});

describe('plainAddress()', () => {
  it('gives an IPv4 address that came over IPv6 as itself, and leaves others alone', () => {
    expect(plainAddress('::ffff:127.0.0.1')).toBe('127.0.0.1');
    expect(plainAddress('::1')).toBe('::1');
  });
});
