import { DiscoveryService } from '@nestjs/core';

export interface ErasedTables {
  /** Which tables the method leaves without a trace of the person. */
  readonly tables: readonly string[];
  /**
   * Why rows stay: because a law wants them, say. Then the method has replaced in them all that names the person, and the
   * id that is left leads nowhere. Where this is missing no row stays.
   */
  readonly keeps?: string;
}

/** A method under {@link ErasesPersonalData}. */
export type Eraser = (user_id: string) => Promise<void>;

/**
 * Marks a method `(user_id) => Promise<void>` that removes what these tables hold of a person, or replaces it where rows
 * must stay. It runs within the transaction that deletes the account.
 * @example
 * \@ErasesPersonalData({ tables: ['payments'], keeps: 'books are kept for ten years' })
 * erase(user_id: string): Promise<void>
 */
export const ErasesPersonalData = DiscoveryService.createDecorator<ErasedTables>();

export interface ExportedTables {
  /** What the document calls it. */
  readonly part: string;
  /** Which tables the method tells of. */
  readonly tables: readonly string[];
}

/** Which of the person's things: at most `limit`, in the order of their ids, behind the one with the id `after`. */
export interface ExportPage {
  readonly after: string | null;
  readonly limit: number;
}

/** A method under {@link ExportsPersonalData}. */
export type Exporter = (user_id: string, page: ExportPage) => Promise<readonly { readonly id: string }[]>;

/**
 * Marks a method `(user_id, page) => Promise<{ id, ... }[]>` that tells what these tables hold of a person, in plain data,
 * fields named one by one: no hash, no token, no key, and nothing about anybody else. It is asked page after page, until
 * one is not full, and every question sees the same moment.
 * @example
 * \@ExportsPersonalData({ part: 'sessions', tables: ['sessions'] })
 * export(user_id: string, page: ExportPage): Promise<ExportedSession[]>
 */
export const ExportsPersonalData = DiscoveryService.createDecorator<ExportedTables>();
