import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';

const YEAR_S = 365 * 24 * 60 * 60;

/** What no answer needs may not happen: an API has no scripts, frames, referrers or cached secrets. */
const protect = helmet({
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  strictTransportSecurity: { maxAge: YEAR_S, includeSubDomains: true },
  referrerPolicy: { policy: 'no-referrer' },
  xFrameOptions: { action: 'deny' },
});

/** Helmet's headers as a table, so that answers which no middleware ever sees carry them too. */
function tableOf(middleware: typeof protect): Record<string, string> {
  const table: Record<string, string> = {};
  const response = {
    setHeader: (name: string, value: unknown) => (table[name.toLowerCase()] = String(value)),
    removeHeader: () => undefined,
  };
  middleware({} as IncomingMessage, response as unknown as ServerResponse, () => undefined);
  return table;
}

/** On every answer. A handler may set its own `cache-control`. */
export const STANDARD_HEADERS: Readonly<Record<string, string>> = { ...tableOf(protect), 'cache-control': 'no-store' };
