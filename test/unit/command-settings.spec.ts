import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandSettings, ENGINES_FILE } from '../../src/config/command-settings.js';

const OF_THE_SERVER = { POSTGRES_URL: 'postgres://app:pw@127.0.0.1:5499/omni', REDIS_URL: 'redis://127.0.0.1:6399' };
const ELSEWHERE = 'postgres://app:pw@elsewhere/omni';

describe('the settings of a command', () => {
  const DATA_DIR = mkdtempSync(join(tmpdir(), 'omni-command-'));
  beforeAll(() => writeFileSync(join(DATA_DIR, ENGINES_FILE), JSON.stringify(OF_THE_SERVER)));
  afterAll(() => rmSync(DATA_DIR, { recursive: true }));

  it.each([
    ['nothing is said', {}],
    ['the variables are there, and blank', { POSTGRES_URL: '', REDIS_URL: '' }],
  ])('lead to the engines of the server that runs where %s', (_, given) => {
    expect(commandSettings({ DATA_DIR, ...given })).toMatchObject(OF_THE_SERVER);
  });

  it('lead to what is named, where something is', () => {
    const settings = commandSettings({ DATA_DIR, POSTGRES_URL: ELSEWHERE, REDIS_URL: '' });

    expect(settings).toMatchObject({ ...OF_THE_SERVER, POSTGRES_URL: ELSEWHERE });
  });
});
