import { modeOf } from '../config/mode.js';
import type { Settings } from '../config/settings.js';

export interface Surroundings {
  /** Whether the development inbox takes the mails. */
  readonly mailbox: boolean;
  /** What runs in place of what. */
  readonly notes: readonly string[];
  /** Where the development password is kept; null when it was given. */
  readonly admin_file: string | null;
}

/** What somebody who has just started the server needs to know next. For development alone: it shows a password. */
export function bannerFor(settings: Settings, { mailbox, notes, admin_file }: Surroundings): string {
  const { APP_NAME, HOST, PORT, OPS_HOST, OPS_PORT, PROCESS_ROLE, ADMIN_EMAIL, ADMIN_PASSWORD } = settings;
  const site = `http://${nameOf(HOST)}:${PORT}`;
  const serves = PROCESS_ROLE !== 'worker';
  const docs = serves && settings.DOCS_ENABLED && modeOf(settings).docs;
  const password = admin_file ? `${ADMIN_PASSWORD} (kept in ${admin_file})` : 'the one in ADMIN_PASSWORD';
  const rows: [name: string, value: string | false][] = [
    ['API', serves && `${site}/api/v1`],
    ['Swagger UI', docs && `${site}/docs`],
    ['Mailbox', serves && mailbox && `${site}/dev/mailbox`],
    ['Health', `http://${nameOf(OPS_HOST)}:${OPS_PORT}/health`],
    ['Admin login', serves && `${ADMIN_EMAIL}  ${password}`],
  ];
  const shown = rows.filter(([, value]) => value).map(([name, value]) => `  ${name.padEnd(12)} ${String(value)}`);
  const tried = `  curl ${site}/api/v1/users -H 'content-type: application/json' -d '{"email":"ada@example.com","password":"Password123","full_name":"Ada Lovelace"}'`;
  return [
    '',
    `${APP_NAME} is ready after ${process.uptime().toFixed(1)} s`,
    ...shown,
    ...notes.map((note) => `  ${note}`),
    ...(serves ? ['', 'Sign up, then look at the mailbox:', tried] : []),
    '',
    'Ctrl-C ends it.',
  ].join('\n');
}

/** What to type for an address to listen on. */
const nameOf = (host: string): string => (/^(127\.0\.0\.1|0\.0\.0\.0|::1?)$/.test(host) ? 'localhost' : host);
