// Writes what the documents repeat from the sources: .env.example and the README's tables between their markers, from
// src/config, and openapi.json, from the decorators.
//   node bin/generate.mjs           writes (wants a build)
//   node bin/generate.mjs --check   only says what is stale, exit status 1
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/**
 * @typedef {{ name: string }} Kind
 * @typedef {{ kind: Kind, about: string, default?: string, production?: string | null, shown?: string, required?: boolean, secret?: boolean }} Variable
 * @typedef {{ name: string, purpose: string, docs: boolean, cors: boolean, client_address: string, redis: boolean }} Mode
 * @typedef {{ variables: ReadonlyMap<string, Variable>, modes: Readonly<Record<string, Mode>>, document?: object }} Declared
 */

/** @param {Declared} declared */
export function envExample({ variables }) {
  const entries = [...variables].map(([name, { about, default: standard, shown, required }]) => {
    const notes = [shown && `default: ${shown}`, required && 'required in production'].filter(Boolean).join('; ');
    return `# ${about}${notes && ` (${notes})`}\n#${name}=${standard ?? ''}\n`;
  });
  return [
    '# Every variable, with its default. Made from src/config/settings.ts by `npm run generate`.\n',
    ...entries,
  ].join('\n');
}

/** @param {Declared} declared */
export function settingsTable({ variables }) {
  const rows = [...variables].map(([name, { kind, about, default: standard, production, shown, required }]) => {
    const there = required ? '**required**' : production === undefined ? '' : (production ?? 'none');
    return row(`\`${name}\``, kind.name, shown ?? standard ?? 'none', there, about);
  });
  return [row('variable', 'takes', 'default', 'in production', ''), '|---|---|---|---|---|', ...rows].join('\n');
}

/** @param {Declared} declared */
export function modeTable({ modes }) {
  const all = Object.values(modes);
  const flags = { standalone: '(default)', internal: '`RUN_AS_INTERNAL=1`', minimal: '`OMNI_MINIMAL=1`' };
  const onOff = (/** @type {boolean} */ on) => (on ? 'on' : 'off');
  return [
    row('', ...all.map(({ name }) => `${name} ${flags[name]}`)),
    `|${'---|'.repeat(all.length + 1)}`,
    row('for', ...all.map(({ purpose }) => purpose)),
    row('Swagger UI', ...all.map(({ docs }) => onOff(docs))),
    row('CORS', ...all.map(({ cors }) => onOff(cors))),
    row('client address', ...all.map(({ client_address }) => client_address)),
    row('Redis, Bull', ...all.map(({ redis }) => onOff(redis))),
  ].join('\n');
}

/** @param {string[]} cells */
const row = (...cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

/**
 * What each file must hold.
 * @param {Declared} declared
 * @returns {[path: string, wanted: string][]}
 */
export function generatedFiles(declared) {
  const readme = join(ROOT, 'README.md');
  const sections = { settings: settingsTable(declared), modes: modeTable(declared) };
  return [
    [join(ROOT, '.env.example'), envExample(declared)],
    ...(existsSync(readme)
      ? [/** @type {[string, string]} */ ([readme, fill(readFileSync(readme, 'utf8'), sections)])]
      : []),
    ...(declared.document
      ? [
          /** @type {[string, string]} */ ([
            join(ROOT, 'openapi.json'),
            `${JSON.stringify(declared.document, null, 2)}\n`,
          ]),
        ]
      : []),
  ];
}

/**
 * @param {string} text
 * @param {Record<string, string>} sections
 */
function fill(text, sections) {
  return Object.entries(sections).reduce((filled, [name, content]) => {
    const marked = new RegExp(`(<!-- generated: ${name} -->\n)[^]*?(<!-- /generated -->)`);
    if (!marked.test(filled)) throw new Error(`README.md lacks <!-- generated: ${name} --> ... <!-- /generated -->`);
    return filled.replace(marked, (_, begin, end) => `${begin}\n${content}\n\n${end}`);
  }, text);
}

/**
 * @param {Declared} declared
 * @returns {string[]} names of the files that differ from what the declarations say.
 */
export function staleFiles(declared) {
  return generatedFiles(declared)
    .filter(([path, wanted]) => !existsSync(path) || readFileSync(path, 'utf8') !== wanted)
    .map(([path]) => path.slice(ROOT.length + 1));
}

/** Of a standalone service with the simulator, which is the default. Nothing of it runs: Nest only reads the modules. */
async function openApiDocument() {
  const { NestFactory } = await import('@nestjs/core');
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  const { AppModule } = await import('../dist/src/app.module.js');
  const { buildDocument } = await import('../dist/src/app.openapi.js');
  const { setupApp } = await import('../dist/src/app.setup.js');
  const { readSettings } = await import('../dist/src/config/read-settings.js');
  const options = { preview: true, logger: /** @type {const} */ (false), abortOnError: false };
  /** @type {import('@nestjs/platform-fastify').NestFastifyApplication} */
  const app = await NestFactory.create(AppModule.for(readSettings({})), new FastifyAdapter(), options);
  await setupApp(app);
  return buildDocument(app);
}

async function main() {
  const { variables } = await import('../dist/src/config/variable.js');
  const { MODES: modes } = await import('../dist/src/config/mode.js');
  await import('../dist/src/config/settings.js');
  const declared = { variables: variables(), modes, document: await openApiDocument() };
  const stale = staleFiles(declared);
  if (!process.argv.includes('--check')) {
    for (const [path, wanted] of generatedFiles(declared)) writeFileSync(path, wanted);
  } else if (stale.length > 0) {
    console.error(`Stale: ${stale.join(', ')}. Run \`npm run generate\`.`);
    process.exitCode = 1;
  }
}

if (realpathSync(process.argv[1]) === import.meta.filename) void main();
