import { readSettings } from '../../src/config/read-settings.js';
import { Settings } from '../../src/config/settings.js';
import { networks } from '../../src/config/variable.js';
import { isPublic } from '../../src/webhooks/targets/addresses.js';
import { Targets } from '../../src/webhooks/targets/targets.js';

const signal = AbortSignal.timeout(60_000);

/** In production or not, with these networks open, where every name stands for these addresses. */
function targets(given: Partial<Settings> = {}, addresses: readonly string[] = []): Targets {
  const settings = Object.assign(new Settings(), { NODE_ENV: 'production' }, given);
  return new Targets(settings, { resolve: async () => addresses });
}

describe('an address (SEC-65)', () => {
  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.254',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.192',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::FFFF:10.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    '::ffff:0:127.0.0.1',
    '64:ff9b::127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '64:FF9B::10.1.2.3',
    '64:ff9b:1::1.1.1.1',
    '100::1',
    '2001::1',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    '2001:2::1',
    '2001:db8::1',
    '2002:7f00:1::1',
    '2002:a00:1::1',
    '2002:101:101::1',
    '3fff::1',
    '5f00::1',
    'fc00::1',
    'fd12:3456:789a::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    'no address',
    '',
  ])('%s is not for everybody', (address) => {
    expect(isPublic(address)).toBe(false);
  });

  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '100.63.255.255',
    '100.128.0.1',
    '172.15.255.255',
    '172.32.0.1',
    '192.167.255.255',
    '198.17.255.255',
    '198.20.0.1',
    '223.255.255.254',
    '::ffff:1.1.1.1',
    '64:ff9b::1.1.1.1',
    '64:ff9b::808:808',
    '2606:4700:4700::1111',
    '2a00:1450:4001:81b::200e',
  ])('%s is', (address) => {
    expect(isPublic(address)).toBe(true);
  });
});

/** One and the same, in every writing that a URL takes. */
const PRIVATE_URLS = [
  'https://127.0.0.1/',
  'https://127.0.0.1./',
  'https://127.1/',
  'https://2130706433/',
  'https://017700000001/',
  'https://0177.0.0.1/',
  'https://0x7f000001/',
  'https://0x7f.0.0.1/',
  'https://①②⑦.0.0.1/',
  'https://%31%32%37.0.0.1/',
  'https://0/',
  'https://10.0.0.1:8443/',
  'https://169.254.169.254/latest/meta-data/',
  'https://2852039166/',
  'https://[::1]/',
  'https://[::]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://[0:0:0:0:0:ffff:7f00:0001]/',
  'https://[64:ff9b::127.0.0.1]/',
  'https://[2002:7f00:1::]/',
  'https://[fd00::1]/',
  'https://[fe80::1]/',
  'https://localhost/',
  'https://LOCALHOST./',
  'https://shop.localhost/',
];

describe('a private address in a URL (SEC-65)', () => {
  it.each(PRIVATE_URLS)('%s is refused when it is named, and when it is asked', async (url) => {
    expect(() => targets().assertAllowed(url)).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ pointer: '#/url', code: 'address' })] }),
    );
    const behind = targets({}, ['127.0.0.1', '::1']);
    await expect(behind.addressesOf(new URL(url), signal)).rejects.toMatchObject({ name: 'AddressRefusedError' });
  });

  it('is let through where WEBHOOK_ALLOWED_CIDRS opens its network, and no other is', () => {
    const open = targets({ WEBHOOK_ALLOWED_CIDRS: networks.parse('10.1.0.0/16,::1/128') });

    for (const url of ['https://10.1.2.3/', 'https://[::ffff:10.1.2.3]/', 'https://[::1]/'])
      expect(() => open.assertAllowed(url)).not.toThrow();
    for (const url of ['https://10.2.0.1/', 'https://127.0.0.1/', 'https://[64:ff9b::10.1.2.3]/', 'https://localhost/'])
      expect(() => open.assertAllowed(url)).toThrow(/invalid fields/);
  });

  it('is open in development where it is loopback, and nowhere in production', () => {
    expect(readSettings({}).WEBHOOK_ALLOWED_CIDRS?.list).toEqual(['127.0.0.0/8', '::1/128']);
    const production = { NODE_ENV: 'production', SECRET_KEY: 'J8s!kq0ZpW3vN6yB1mC4xL7tR2dG5hF9' };
    const urls = { POSTGRES_URL: 'postgres://db/x', REDIS_URL: 'redis://r', SMTP_URL: 'smtp://s' };
    const raw = { ...production, ...urls, PUBLIC_URL: 'https://api.example.com' };
    expect(readSettings(raw).WEBHOOK_ALLOWED_CIDRS).toBeUndefined();
  });
});

describe('a name (SEC-65)', () => {
  const url = new URL('https://shop.example.com/');

  it('is taken as it is when it is named: what it stands for is looked at when it is asked', () => {
    expect(() => targets({}, ['127.0.0.1']).assertAllowed(url.href)).not.toThrow();
  });

  it('is asked where all of its addresses are public', async () => {
    const addresses = ['1.1.1.1', '2606:4700:4700::1111'];
    expect(await targets({}, addresses).addressesOf(url, signal)).toEqual(addresses);
  });

  it.each([
    ['one address of several', ['1.1.1.1', '10.0.0.1']],
    ['one that is mapped', ['1.1.1.1', '::ffff:10.0.0.1']],
    ['no address at all', []],
    ['what is no address', ['localhost']],
  ])('is refused for %s', async (_, addresses) => {
    await expect(targets({}, addresses).addressesOf(url, signal)).rejects.toMatchObject({
      name: 'AddressRefusedError',
    });
  });
});

describe('without encryption', () => {
  it('nothing is named or asked in production', async () => {
    const url = 'http://shop.example.com/';
    expect(() => targets().assertAllowed(url)).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ pointer: '#/url', code: 'https' })] }),
    );
    await expect(targets({}, ['1.1.1.1']).addressesOf(new URL(url), signal)).rejects.toMatchObject({
      name: 'UnencryptedTargetError',
    });
    expect(() => targets({ NODE_ENV: 'development' }).assertAllowed(url)).not.toThrow();
  });
});
