import { Hooks } from '../../src/common/hooks.js';
import {
  ErasesPersonalData,
  ExportsPersonalData,
  type ErasedTables,
  type ExportedTables,
} from '../../src/common/personal-data.js';
import type { TestApp } from './app.js';

/** What the features have declared. */
export interface Declared {
  readonly erased: readonly string[];
  readonly exported: readonly string[];
}

/** What a table need not have, and why. */
export type Exemptions = Readonly<Record<string, Readonly<Partial<Record<keyof Declared, string>>>>>;

const FILE = 'test/e2e/personal-data.e2e.ts';
const DECORATORS: Record<keyof Declared, string> = {
  erased: `@ErasesPersonalData({ tables: ['TABLE'] })`,
  exported: `@ExportsPersonalData({ part: '...', tables: ['TABLE'] })`,
};

/** A sentence for each table that nobody has thought of, and for each thought that no table belongs to any more. */
export function misplaced(tables: readonly string[], declared: Declared, exempt: Exemptions): string[] {
  const kinds = Object.keys(DECORATORS) as (keyof Declared)[];
  const known = new Set(tables);
  return kinds.flatMap((kind) => {
    const isDeclared = (table: string): boolean => declared[kind].includes(table);
    const isExempt = (table: string): boolean => exempt[table]?.[kind] !== undefined;
    const named = new Set([...declared[kind], ...Object.keys(exempt).filter(isExempt)]);
    return [
      ...tables.filter((table) => !isDeclared(table) && !isExempt(table)).map((table) => missing(table, kind)),
      ...tables
        .filter((table) => isDeclared(table) && isExempt(table))
        .map((table) => `${table} is ${kind} by a feature, and excused from it in ${FILE}: strike the excuse`),
      ...[...named].filter((table) => !known.has(table)).map((table) => `${table} is named as ${kind}, and no table`),
    ];
  });
}

const missing = (table: string, kind: keyof Declared): string =>
  `${table} is not ${kind} when a person ${kind === 'erased' ? 'goes' : 'asks for the own data'}: mark a method of its ` +
  `feature ${DECORATORS[kind].replace('TABLE', table)} (src/common/personal-data.ts says how); if the table holds ` +
  `nothing of anybody, say so under EXEMPT in ${FILE}, with the reason`;

export function declaredBy(app: TestApp): Declared {
  const hooks = app.app.get(Hooks);
  const tables = (found: readonly { options: { tables: readonly string[] } }[]): string[] =>
    found.flatMap(({ options }) => [...options.tables]);
  return {
    erased: tables(hooks.find<ErasedTables, unknown>(ErasesPersonalData)),
    exported: tables(hooks.find<ExportedTables, unknown>(ExportsPersonalData)),
  };
}

/** Tables whose rows may stay when a person goes, since the feature says why; what they hold is an id. */
export const keptBy = (app: TestApp): string[] =>
  app.app
    .get(Hooks)
    .find<ErasedTables, unknown>(ErasesPersonalData)
    .flatMap(({ options: { tables, keeps } }) => (keeps ? [...tables] : []));

/** Every table of ours, as the catalogue has them. */
export const allTables = async (app: TestApp): Promise<string[]> =>
  (
    await app.sql<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
       ORDER BY relname`,
    )
  ).map(({ name }) => name);
