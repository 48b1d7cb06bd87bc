import { AsyncLocalStorage } from 'node:async_hooks';
import type { Principal } from './access.js';

/** How a client stands with a limit that counted its request. */
export interface Standing {
  readonly policy: string;
  readonly limit: number;
  readonly window_ms: number;
  readonly remaining: number;
  /** Until more is allowed than now. */
  readonly reset_ms: number;
}

/** What is known of the request that the current code runs for. */
export interface RequestContext {
  readonly request_id: string;
  /** The client's address as the mode of operation understands it. */
  readonly ip: string;
  /** Set by the guard once the credential is proven. */
  principal?: Principal;
  /** Hears how the client stands with each limit that counts the request. */
  onStanding?: (standing: Standing) => void;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** Runs `work` and all that it awaits within `context`. */
export const withRequestContext = <T>(context: RequestContext, work: () => T): T => storage.run(context, work);

/** The request of the running code; undefined in a job or at start. */
export const requestContext = (): RequestContext | undefined => storage.getStore();
