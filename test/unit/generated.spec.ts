import { parseEnv } from 'node:util';
import { envExample, modeTable, settingsTable, staleFiles } from '../../bin/generate.mjs';
import { MODES } from '../../src/config/mode.js';
import { readSettings } from '../../src/config/read-settings.js';
import { variables } from '../../src/config/variable.js';

const declared = { variables: variables(), modes: MODES };

it('finds .env.example and the README as src/config declares them (`npm run generate`)', () => {
  expect(staleFiles(declared)).toEqual([]);
});

it('writes an example that reads back as the defaults, once every line is taken', () => {
  const everything = parseEnv(envExample(declared).replaceAll(/^#(?=[A-Z_]+=)/gm, '')) as Record<string, string>;

  expect(Object.keys(everything).toSorted()).toEqual([...variables().keys()].toSorted());
  expect(JSON.stringify(readSettings(everything))).toBe(JSON.stringify(readSettings({})));
});

it('gives every variable and every mode its place in a table', () => {
  for (const name of variables().keys()) expect(settingsTable(declared)).toContain(`| \`${name}\` |`);
  for (const { name, purpose } of Object.values(MODES)) {
    expect(modeTable(declared)).toContain(name);
    expect(modeTable(declared)).toContain(purpose);
  }
});
