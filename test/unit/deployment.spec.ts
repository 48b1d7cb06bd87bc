import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { isAllowed, licencesOf, ownLicences } from '../../bin/licences.mjs';
import { modeOf } from '../../src/config/mode.js';
import { readSettings } from '../../src/config/read-settings.js';
import { variables } from '../../src/config/variable.js';
import { POOLS } from '../../src/database/data-source.js';
import { compose, dockerfile, environmentOf, execForm, projectFile, shippedStage } from '../support/compose.js';

const exists = (path: string): boolean => existsSync(join(import.meta.dirname, '../..', path));
const services = Object.entries(compose.services);
const OURS = ['migrate', 'api', 'worker'];
const STORES = ['postgres', 'redis', 'mongo'];

/** What an operator gives. */
const GIVEN: Record<string, string> = {
  POSTGRES_PASSWORD: 'a0',
  OMNI_OWNER_PASSWORD: 'b1',
  OMNI_APP_PASSWORD: 'c2',
  SECRET_KEY: '0123456789abcdef0123456789abcdef',
};

const environment = (service: string) => environmentOf(service, GIVEN);

describe('docker-compose.yml', () => {
  it('has the services of production, and MongoDB on demand', () => {
    expect(Object.keys(compose.services).toSorted()).toEqual([...OURS, ...STORES, 'mail'].toSorted());
    expect(services.filter(([, { profiles }]) => profiles).map(([name]) => name)).toEqual(['mongo']);
  });

  it.each(OURS)('gives %s variables that exist, and all that production requires', (name) => {
    const given = environment(name);

    expect(Object.keys(given).filter((key) => !variables().has(key))).toEqual([]);
    expect(readSettings(given)).toMatchObject({ NODE_ENV: 'production', PAYMENT_PROVIDER: 'simulator' });
    for (const [required] of [...variables()].filter(([, { required: needed }]) => needed)) {
      expect(() => readSettings({ ...given, [required]: '' })).toThrow(required);
    }
  });

  it('lets a proxy stand before the API: whose forwarded addresses count can be said, and nobody’s do without', () => {
    const behind = { RUN_AS_INTERNAL: '1', TRUSTED_PROXY_CIDRS: '172.16.0.0/12' };

    expect(environment('api')).toMatchObject({ RUN_AS_INTERNAL: '', TRUSTED_PROXY_CIDRS: '' });
    for (const service of ['api', 'worker'])
      expect(environmentOf(service, { ...GIVEN, ...behind })).toMatchObject(behind);
    expect(modeOf(readSettings(environmentOf('api', { ...GIVEN, ...behind }))).client_address).toBe('forwarded');
    for (const name of Object.keys(behind)) expect(projectFile('deploy/README.md')).toContain(`\`${name}`);
  });

  it('splits the roles, and hands the owner of the tables to nobody but the migration', () => {
    expect(environment('api')['PROCESS_ROLE']).toBe('api');
    expect(environment('worker')['PROCESS_ROLE']).toBe('worker');
    expect(OURS.filter((name) => 'POSTGRES_OWNER_URL' in environment(name))).toEqual(['migrate']);
    const url = environment('migrate')['POSTGRES_OWNER_URL'];
    expect(url).toBe('postgres://omni_owner:b1@postgres:5432/omni');
  });

  it('ships no secret', () => {
    const secrets = services.flatMap(([, { environment: given = {} }]) =>
      Object.entries(given).filter(([key]) => variables().get(key)?.secret || /PASSWORD/.test(key)),
    );
    const passwordIn = (text: string): string => (text.includes('@') ? text.replace(/^.*?:\/\/[^:]*:|@.*$/g, '') : '');
    for (const [key, text] of secrets) {
      const secret = key.endsWith('_URL') ? passwordIn(String(text)) : String(text);
      expect([key, secret]).toEqual([key, expect.stringMatching(/^$|^\$\{\w+:(\?[^}]+|-)\}$/)]);
    }
    expect(secrets.length).toBeGreaterThan(10);
  });

  it.each(Object.keys(GIVEN))('does not start without %s', (name) => {
    const { [name]: _, ...rest } = GIVEN;
    const all = (): unknown => services.map(([service]) => environmentOf(service, rest));
    expect(all).toThrow(`${name} is required`);
  });

  it.each(services)('%s has an image of one version, a policy for its end, and a check', (_, service) => {
    expect(service.build ? 'omni:0' : service.image).toMatch(/^[\w/.-]+:v?\d+[\w.-]*$/);
    expect(service.restart).toMatch(/^(no|unless-stopped)$/);
    expect(service.healthcheck?.test ?? service.healthcheck?.disable ?? service.build).toBeTruthy();
  });

  it.each(services)('%s waits for what can tell that it is ready', (_, { depends_on = {} }) => {
    for (const [name, { condition }] of Object.entries(depends_on)) {
      const other = compose.services[name];
      const tells = other?.restart === 'no' ? 'service_completed_successfully' : 'service_healthy';
      expect([condition, other?.restart === 'no' || Boolean(other?.healthcheck?.test)]).toEqual([tells, true]);
    }
  });

  it('lets only the API and the mail catcher be reached, from this machine', () => {
    const published = services.flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port] as const));
    expect(published).toEqual([
      ['api', '127.0.0.1:${API_PORTS:-3000}:3000'],
      ['mail', '127.0.0.1:8025:8025'],
    ]);
    for (const name of STORES) expect(compose.services[name]?.networks).toEqual(['data']);
    expect(compose.networks['data']).toEqual({ internal: true });
  });

  it('keeps what the stores write, and loses nothing that is queued', () => {
    const mounts = services.flatMap(([, { volumes = [] }]) => volumes).map((volume) => volume.split(':')[0]!);
    for (const mount of mounts) {
      expect(mount.startsWith('./') ? exists(mount) : mount in compose.volumes).toBe(true);
    }
    expect(compose.services['postgres']?.volumes).toContain('postgres:/var/lib/postgresql');
    expect(compose.services['redis']?.command?.join(' ')).toMatch(/--appendonly yes .*--maxmemory-policy noeviction/);
  });
});

describe('the connections to PostgreSQL', () => {
  const runbook = projectFile('deploy/README.md');
  const { work, simulator, side } = POOLS;

  it('of all processes that the runbook starts, and of a command beside them, are no more than Compose’s server takes', () => {
    const [, apis, workers] = /--scale api=(\d+) --scale worker=(\d+)/.exec(runbook)!;
    const [, most] = /max_connections=(\d+)/.exec(compose.services['postgres']!.command!.join(' '))!;
    // PostgreSQL keeps three for superusers.
    const places = Number(most) - 3;

    expect((Number(apis) + Number(workers)) * (work + simulator + side) + work).toBeLessThanOrEqual(places);
  });

  it('are as many as the runbook says', () => {
    const [, section = ''] = /### OmniConnectionsExhausted\n([^#]*)/.exec(runbook)!;

    expect(section.replaceAll('\n', ' ')).toContain(
      `up to ${work} connections for what it does, which is what the metric counts; ` +
        `${simulator} more where the simulator takes the money, and ${side} more with users in MongoDB.`,
    );
  });
});

const one = (name: string): string => shippedStage.find((instruction) => instruction.name === name)?.text ?? '';

describe('the Dockerfile', () => {
  it('builds on one major version of Node, which package.json allows', () => {
    const images = dockerfile.filter(({ name }) => name === 'FROM').map(({ text }) => text.split(' ')[0]);
    expect(new Set(images)).toEqual(new Set(['node:22-bookworm-slim']));
    expect(JSON.parse(projectFile('package.json')).engines.node).toBe('>=20.19');
  });

  it('ships neither tools nor sources, and runs as nobody special', () => {
    const packages = dockerfile.filter(({ name, text }) => name === 'RUN' && text.includes('npm ci'));
    expect(packages.map(({ text }) => text.includes('--omit=dev'))).toEqual([false, true]);
    expect(shippedStage.some(({ name }) => name === 'RUN')).toBe(false);
    expect(shippedStage.filter(({ name }) => name === 'COPY').map(({ text }) => text)).toEqual([
      '--from=packages /app/node_modules node_modules',
      '--from=build /app/dist dist',
      'bin bin',
      'package.json ./',
    ]);
    expect(one('USER')).toBe('node');
    expect(one('ENV')).toBe('NODE_ENV=production');
  });

  it('copies what exists and what .dockerignore lets through', () => {
    const allowed = projectFile('.dockerignore').match(/(?<=^!).*$/gm);
    const copied = dockerfile
      .filter(({ name, text }) => name === 'COPY' && !text.startsWith('--from'))
      .flatMap(({ text }) => text.split(' ').slice(0, -1));
    expect(copied.filter((path) => !exists(path))).toEqual([]);
    expect(new Set(copied)).toEqual(new Set(allowed));
  });

  it('lets signals reach Node, which runs what a source is built into', () => {
    const command = execForm('CMD');
    const migrate = compose.services['migrate']?.command ?? [];
    for (const [program, file] of [
      [command[0], command.at(-1)],
      [migrate[0], migrate.at(-1)],
    ]) {
      expect(program).toBe('node');
      expect(exists(file!.replace(/^dist\//, '').replace(/\.js$/, '.ts'))).toBe(true);
    }
    for (const name of OURS) expect(compose.services[name]?.init).toBe(true);
  });

  it('asks the ops port whether it is ready, through Node itself', () => {
    const [node, option, script = ''] = execForm('HEALTHCHECK');
    expect([node, option]).toEqual(['node', '-e']);
    expect(script).toContain('/health/ready');
    expect(script).toContain(`process.env.OPS_PORT || ${variables().get('OPS_PORT')?.default}`);
    expect(() => new Script(script)).not.toThrow();
  });
});

describe('the licences of what is shipped', () => {
  it('are all among those that ask for nothing', () => {
    const licences = [...ownLicences().keys()];
    expect(licences.filter((licence) => !isAllowed(licence))).toEqual([]);
    expect(licences).toContain('MIT');
  });

  it.each([
    ['MIT', true],
    ['(MIT OR GPL-3.0-only)', true],
    ['MIT AND ISC', true],
    ['MIT AND GPL-3.0-only', false],
    ['AGPL-3.0-or-later', false],
    ['SEE LICENSE IN LICENSE', false],
    ['none given', false],
  ])('%s: allowed is %s', (licence, allowed) => {
    expect(isAllowed(licence)).toBe(allowed);
  });

  it('are those of shipped packages alone, and one without any is seen', () => {
    const packages = {
      '': { version: '1.0.0' },
      'node_modules/a': { version: '1.0.0', license: 'MIT' },
      'node_modules/a/node_modules/@s/b': { version: '2.0.0' },
      'node_modules/c': { version: '3.0.0', license: 'GPL-3.0-only', dev: true },
    };
    expect([...licencesOf({ packages })]).toEqual([
      ['MIT', ['a@1.0.0']],
      ['none given', ['@s/b@2.0.0']],
    ]);
  });
});
