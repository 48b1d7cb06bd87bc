/** The one thing of the framework's answer that a handler touches. */
export interface Reply {
  header(name: string, value: string): unknown;
}
