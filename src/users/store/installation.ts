import type { Home } from './users-home.repository.js';

/** What MongoDB knows of whose it is. */
export interface Installation {
  /** @returns null where it is nobody's yet. */
  id(): Promise<string | null>;
  /** Makes it this one's, where it is nobody's. @returns whose it is now. */
  claim(id: string): Promise<string>;
}

export const NOT_MIGRATED = 'The database is older than the code: run `npm run migrate`';

const RESTORED = 'the one of a back-up, or a store that was cleared, wants what deploy/README.md says';

/**
 * Whether the database of MONGODB_URL is another one than that of this installation.
 * @param found - the id that is in it; null where there is none.
 * @param is_empty - whether it has no users.
 * @returns what is wrong, and what to do; null where it is this installation's, or may become that.
 */
export function stranger(home: Home, found: string | null, is_empty: boolean): string | null {
  const { installation_id, paired, store, moving_to } = home;
  if (found === installation_id) return null;
  if (found !== null) {
    return (
      `The database of MONGODB_URL belongs to installation ${found}, and POSTGRES_URL to ${installation_id}: ` +
      `set them to two that belong together; ${RESTORED}`
    );
  }
  const was_told = paired && (store === 'mongodb' || moving_to !== null);
  // One that is older than the ids has users, if it is the right one.
  if (!was_told && (store === 'postgresql' || !is_empty)) return null;
  return (
    `The database of MONGODB_URL is not the one of installation ${installation_id}, to which POSTGRES_URL belongs: there is ` +
    `no id in it. Is its name the right one? ${RESTORED}`
  );
}
