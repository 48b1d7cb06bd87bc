import type { Dispatch } from './outbox.repository.js';

/** So many deliveries of one topic run at once in a process. */
export const DELIVERIES_AT_ONCE = 5;

/**
 * Brings claimed rows to whoever delivers them: through Bull, or in this process. It may lose what it took; the relay
 * hands rows over again that nobody begins.
 */
export abstract class OutboxDispatcher {
  /** How many more rows of a topic it takes now. @throws when nothing can be handed over. */
  abstract room(topic: string): Promise<number>;

  /** Does nothing when it still has this very dispatch: what waits long is handed over again and again. */
  abstract hand(topic: string, dispatch: Dispatch): Promise<void>;
}
