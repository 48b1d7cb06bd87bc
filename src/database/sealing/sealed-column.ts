export interface SealedColumnDeclaration {
  /** The entity. */
  readonly target: object;
  readonly column: string;
  /** What its key is derived for. */
  readonly purpose: string;
  readonly guard?: RowGuard | undefined;
}

/**
 * For a table whose rows somebody takes for nobody's when they are locked: the lock in PostgreSQL under which that one looks.
 * Whoever seals a row anew holds it meanwhile.
 */
export interface RowGuard {
  /** The lock's name: this, a colon, and what the row holds in `column`. */
  readonly lock: string;
  readonly column: string;
}

const declared: SealedColumnDeclaration[] = [];

/**
 * Declares at an entity's property that it holds what {@link Keyring.seal} made for this purpose, with the row's `id` as
 * its place, and that the row's `key_id` says by which key. A start looks whether the ring still opens it, and
 * `npm run keys:reseal` brings it to the ring's first key.
 */
export const SealedColumn =
  (purpose: string, guard?: RowGuard): PropertyDecorator =>
  (prototype, column) => {
    declared.push({ purpose, target: prototype.constructor, column: String(column), guard });
  };

/** Of every entity that was loaded. */
export const sealedColumns = (): readonly SealedColumnDeclaration[] => declared;
