/** What is kept under a key; or the lease of whoever may put it there, null where somebody else has it. */
export type Opened = { readonly value: string } | { readonly lease: string | null };

/**
 * Where copies are kept for a while. Whoever finds nothing gets a lease, and only the holder of a lease puts: a drop takes
 * the lease too, so that who read before a change never puts after it what was true before.
 */
export abstract class Cache {
  /**
   * What is kept under `key`, else a lease.
   * @throws whatever the engine throws that is away.
   */
  abstract open(key: string): Promise<Opened>;

  /**
   * Keeps `value` for `ttl_ms` milliseconds at most, or gives the lease back where that is null.
   * @returns whether the lease was still good; else nothing is kept.
   */
  abstract put(key: string, lease: string, value: string | null, ttl_ms: number): Promise<boolean>;

  /**
   * Forgets what is kept, takes the lease from whoever has it, and gives none to anybody until this is dropped: nothing is
   * kept while something changes. Whoever holds it and dies keeps it for {@link HOLD_MS}.
   * @returns by what it is dropped.
   */
  abstract hold(key: string): Promise<string>;

  /**
   * Forgets what is kept, and takes the lease from whoever has it.
   * @param hold - the caller's own; somebody else's stays.
   */
  abstract drop(key: string, hold?: string): Promise<void>;
}

/** So long somebody who found nothing has it alone to put it there; one who died is waited for no longer. */
export const LEASE_MS = 3_000;

/** Longer than a change takes to be committed. */
export const HOLD_MS = 60_000;
