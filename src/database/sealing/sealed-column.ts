export interface SealedColumnDeclaration {
  /** The entity. */
  readonly target: object;
  readonly column: string;
  /** What its key is derived for. */
  readonly purpose: string;
}

const declared: SealedColumnDeclaration[] = [];

/**
 * Declares at an entity's property that it holds what {@link Keyring.seal} made for this purpose, with the row's `id` as
 * its place, and that the row's `key_id` says by which key. A start looks whether the ring still opens it, and
 * `npm run keys:reseal` brings it to the ring's first key.
 */
export const SealedColumn =
  (purpose: string): PropertyDecorator =>
  (prototype, column) => {
    declared.push({ purpose, target: prototype.constructor, column: String(column) });
  };

/** Of every entity that was loaded. */
export const sealedColumns = (): readonly SealedColumnDeclaration[] => declared;
