import type { TestApp } from './app.js';

/** The events that one request left behind. */
export const eventsOfRequest = (app: TestApp, request_id: string): Promise<any[]> =>
  app.sql(
    `SELECT tenant_id, actor_type, actor_id, action, subject_type, subject_id, outcome, reason, ip, changes
     FROM audit_events WHERE request_id = $1 ORDER BY id`,
    [request_id],
  );

/** What most of them have in common. */
export const EVENT = { outcome: 'success', reason: null, ip: '127.0.0.0/24', changes: [] };
