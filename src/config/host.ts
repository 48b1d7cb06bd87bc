import { delimiter, join } from 'node:path';
import { accessSync, constants, statSync } from 'node:fs';

/** The folders in which this machine looks for programs. */
export const searchPath = (): readonly string[] => (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);

/** Whether the process may do everything; never on Windows, which has no such user. */
export const isRoot = (): boolean => process.getuid?.() === 0;

/** @returns where a program of one of these names is, the earlier name first; null when the folders hold none. */
export function findProgram(names: readonly string[], folders: readonly string[]): string | null {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const places = names.flatMap((name) => folders.map((folder) => join(folder, name + suffix)));
  return places.find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
