const ends: (() => Promise<unknown>)[] = [];

afterAll(cleanUp);

/** Has something done at the end of every test file, before the file's own `afterAll`. Whoever comes later goes first. */
export function atEnd(end: () => Promise<unknown>): void {
  ends.unshift(end);
}

/** Ends what a test file has left open. */
export async function cleanUp(): Promise<void> {
  for (const end of ends) await end();
}
