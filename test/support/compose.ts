import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '../..');
export const projectFile = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

export interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: string[];
  readonly environment?: Record<string, string | number>;
  readonly depends_on?: Record<string, { condition: string }>;
  readonly healthcheck?: { test?: string[]; disable?: boolean };
  readonly restart?: string;
  readonly ports?: string[];
  readonly volumes?: string[];
  readonly networks?: string[];
  readonly profiles?: string[];
  readonly init?: boolean;
}

interface Compose {
  readonly services: Record<string, Service>;
  readonly networks: Record<string, { internal?: boolean }>;
  readonly volumes: Record<string, unknown>;
}

export const compose = parse(projectFile('docker-compose.yml'), { merge: true }) as Compose;

/** The environment of a service as Compose fills it in: `${NAME:?refused without}`, `${NAME:-default}`. */
export function environmentOf(service: string, given: Record<string, string>): Record<string, string> {
  const filledIn = (text: unknown): string =>
    String(text).replaceAll(/\$\{(\w+):([?-])([^}]*)\}/g, (_, name: string, kind: string, rest: string) => {
      const value = given[name] ?? (kind === '-' ? rest : undefined);
      if (value === undefined) throw new Error(`${name} is required`);
      return value;
    });
  const entries = Object.entries(compose.services[service]?.environment ?? {});
  return Object.fromEntries(entries.map(([name, text]) => [name, filledIn(text)]));
}

export interface Instruction {
  readonly name: string;
  readonly text: string;
}

export const dockerfile: Instruction[] = projectFile('Dockerfile')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim())
  .map((line) => ({ name: line.split(' ')[0] ?? '', text: line.slice(line.indexOf(' ') + 1).trim() }));

/** The stage that is shipped. */
export const shippedStage = dockerfile.slice(dockerfile.findLastIndex(({ name }) => name === 'FROM'));

/** An instruction of it, in exec form. */
export function execForm(name: string): string[] {
  const text = shippedStage.find((instruction) => instruction.name === name)?.text ?? '';
  return JSON.parse(text.slice(text.indexOf('['))) as string[];
}
