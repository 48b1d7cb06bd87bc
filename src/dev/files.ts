import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';

/** Whole or not at all, and for nobody else's eyes: a reader never sees half of it, whenever the writer dies. */
export async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, file);
}

/** @returns what the file says; null when there is none. */
export async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** What the file says; before that, should there be none, what `make` says is written to it. */
export async function keep(file: string, make: () => string): Promise<string> {
  const kept = await readIfThere(file);
  if (kept !== null) return kept;
  const text = make();
  await writeWhole(file, text);
  return text;
}

/** 192 random bits that need no escape in a URL, a shell or a configuration file. */
export const randomPassword = (): string => randomBytes(24).toString('hex');
