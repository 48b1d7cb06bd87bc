import type { Settings } from './settings.js';

export type ModeName = 'standalone' | 'internal' | 'minimal';
export type ProcessRole = Settings['PROCESS_ROLE'];

/** What a mode of operation switches. */
export interface Mode {
  readonly name: ModeName;
  readonly purpose: string;
  /** Swagger UI and the OpenAPI document; DOCS_ENABLED can still turn them off. */
  readonly docs: boolean;
  readonly cors: boolean;
  /** Where a client's address comes from. */
  readonly client_address: 'socket' | 'forwarded' | 'socket, or forwarded if CIDRs are given';
  /** Bull, the shared cache and the shared limits; without it they live in the process. */
  readonly redis: boolean;
}

/** The modes, as data: modules, documents and tests read this table and nothing else. */
export const MODES: Readonly<Record<ModeName, Mode>> = {
  standalone: {
    name: 'standalone',
    purpose: 'one service, everything on',
    docs: true,
    cors: true,
    client_address: 'socket',
    redis: true,
  },
  internal: {
    name: 'internal',
    purpose: 'behind a gateway',
    docs: false,
    cors: false,
    client_address: 'forwarded',
    redis: true,
  },
  minimal: {
    name: 'minimal',
    purpose: 'Cloud Run and the like: PostgreSQL only',
    docs: false,
    cors: true,
    client_address: 'socket, or forwarded if CIDRs are given',
    redis: false,
  },
};

export const modeOf = ({ RUN_AS_INTERNAL, OMNI_MINIMAL }: Pick<Settings, 'RUN_AS_INTERNAL' | 'OMNI_MINIMAL'>): Mode =>
  MODES[RUN_AS_INTERNAL ? 'internal' : OMNI_MINIMAL ? 'minimal' : 'standalone'];
