/** A moment that some wait for and another brings about. */
export class Signal<T = void> {
  give!: (value: T) => void;
  readonly given = new Promise<T>((resolve) => (this.give = resolve));
}
