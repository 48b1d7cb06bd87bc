// `npm run migration:new NAME`: a new migration, to be filled in.
import { readdirSync, writeFileSync } from 'node:fs';

const name = process.argv[2] ?? '';
if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
  console.error('usage: npm run migration:new NAME, in lower case with dashes, such as add-orders');
  process.exit(64);
}
const folder = new URL('../migrations/', import.meta.url);
const latest = Math.max(0, ...readdirSync(folder).map((file) => Number.parseInt(file, 10) || 0));
const stamp = Math.max(Date.now(), latest + 1);
const title = name.replaceAll(/(^|-)([a-z0-9])/g, (_, dash, letter) => letter.toUpperCase());
writeFileSync(
  new URL(`${stamp}-${name}.ts`, folder),
  `import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ${title}${stamp} implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(\`
    \`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('');
  }
}
`,
  { flag: 'wx' },
);
console.log(`migrations/${stamp}-${name}.ts`);
