import { startApp, type TestApp } from '../support/app.js';
import { projectFile } from '../support/compose.js';
import { describeWithRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { paid, quiescence } from '../support/payments.js';
import { PATIENT } from '../support/visitors.js';
import { alerts, panelExpressions } from '../support/watching.js';
import { Wire } from '../support/wire.js';

const scrape = async ({ opsUrl }: Pick<TestApp, 'opsUrl'>): Promise<string> =>
  (await fetch(`${opsUrl}/metrics`)).text();

/** The value of one series; undefined where there is none. */
function valueOf(text: string, name: string, labels: Record<string, string> = {}): number | undefined {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const line = lines.find((one) =>
    Object.entries(labels).every(([label, value]) => one.includes(`${label}="${value}"`)),
  );
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

/** Every series that an expression of PromQL is about. */
const namesIn = (expression: string): string[] => expression.match(/\b(omni|nodejs|process)_\w+/g) ?? [];

let app: TestApp;
// What takes longer to measure is left out.
beforeAll(async () => (app = await startApp({ timings: PATIENT })));

describe('GET /metrics of the ops port', () => {
  it('tells what runs here, in the format of Prometheus', async () => {
    const answer = await fetch(`${app.opsUrl}/metrics`);

    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const { APP_VERSION: version } = app.settings;
    expect(valueOf(await answer.text(), 'omni_info', { version, role: 'all', mode: 'standalone' })).toBe(1);
  });

  it('counts requests by the template of their route, and what no route has as one', async () => {
    const ada = await app.signUp();
    const admin = await app.admin();
    for (const { id } of [ada.user, admin.user]) await admin.get(`/users/${id}`);
    await app.send('GET', '/nothing/here');
    await app.send('GET', `/nobody/${ada.user.id}`);
    const text = await scrape(app);

    const count = (route: string, status: string) =>
      valueOf(text, 'omni_http_request_duration_seconds_count', { method: 'GET', route, status });
    expect(count('/api/v1/users/:id', '200')).toBe(2);
    expect(count('(none)', '404')).toBe(2);
    expect(text).not.toContain(ada.user.id);
    expect(valueOf(text, 'omni_http_requests_in_flight')).toBe(0);
  });

  it('tells what waits, since when, and what was given up', async () => {
    const away = await startApp({
      database: 'own',
      settings: { SMTP_URL: 'smtp://127.0.0.1:9' },
      timings: PATIENT,
    });
    await away.signUp();
    await eventually(async () => {
      const text = await scrape(away);
      expect(valueOf(text, 'omni_backlog_pending', { backlog: 'outbox' })).toBe(1);
      expect(valueOf(text, 'omni_backlog_oldest_seconds', { backlog: 'outbox' })).toBeGreaterThan(0);
      expect(valueOf(text, 'omni_backlog_dead', { backlog: 'outbox' })).toBe(0);
      expect(valueOf(text, 'omni_dependency_up', { dependency: 'smtp' })).toBe(0);
    });
    expect(valueOf(await scrape(away), 'omni_dependency_up', { dependency: 'postgres' })).toBe(1);
    await away.sql(`UPDATE outbox SET status = 'dead'`);
    expect(valueOf(await scrape(away), 'omni_backlog_dead', { backlog: 'outbox' })).toBe(1);
    await away.close();
  });

  it('tells how payments stand that are under way, and what does not agree', async () => {
    const ada = await app.signUp();
    const admin = await app.tenantAdmin();
    await paid(ada, { capture_method: 'manual' });
    await quiescence(app);
    await app.sql(
      `INSERT INTO reconciliation_items (id, kind, object_type, object_id) VALUES ($1, 'stuck', 'payment', 'p')`,
      [admin.user.id],
    );
    const text = await scrape(app);

    expect(valueOf(text, 'omni_payments_open', { status: 'requires_capture' })).toBe(1);
    expect(valueOf(text, 'omni_reconciliation_items_open', { kind: 'stuck' })).toBe(1);
    expect(valueOf(text, 'omni_reconciliation_items_open', { kind: 'amount_mismatch' })).toBe(0);
  });

  it('leaves out what cannot be known, and counts that', async () => {
    const postgres = await Wire.to(app.settings.POSTGRES_URL);
    const lost = await startApp({ settings: { POSTGRES_URL: postgres.url } });
    await postgres.cut();
    await eventually(async () => {
      const text = await scrape(lost);
      expect(valueOf(text, 'omni_payments_open')).toBeUndefined();
      expect(valueOf(text, 'omni_measure_failures_total', { measure: 'omni_payments_open' })).toBeGreaterThan(0);
      expect(valueOf(text, 'omni_dependency_up', { dependency: 'postgres' })).toBe(0);
    });
  });

  it('is there in a worker, too, and in minimal mode', async () => {
    const worker = await startApp({ settings: { PROCESS_ROLE: 'worker' } });
    const minimal = await startApp({ settings: { OMNI_MINIMAL: '1' } });

    expect(valueOf(await scrape(worker), 'omni_info', { role: 'worker' })).toBe(1);
    expect(valueOf(await scrape(minimal), 'omni_info', { mode: 'minimal' })).toBe(1);
  });

  it('wants the token where the port is open to others', async () => {
    const open = await startApp({ settings: { OPS_HOST: '0.0.0.0', OPS_TOKEN: 'a-token-of-the-operators-only' } });

    expect((await fetch(`${open.opsUrl}/metrics`)).status).toBe(401);
    const authorization = `Bearer ${open.settings.OPS_TOKEN}`;
    expect((await fetch(`${open.opsUrl}/metrics`, { headers: { authorization } })).status).toBe(200);
  });
});

describeWithRedis('with Redis', () => {
  it('the queues have their numbers and their board, which is a page of its own files', async () => {
    expect(valueOf(await scrape(app), 'omni_queue_jobs', { queue: 'mail', state: 'waiting' })).toBeDefined();
    const page = await fetch(`${app.opsUrl}/queues`);
    const html = await page.text();

    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain(`script-src 'self'`);
    const [script] = /static\/js\/main\.\w+\.js/.exec(html) ?? [];
    expect((await fetch(`${app.opsUrl}/queues/${script}`)).status).toBe(200);
    const { queues } = (await (await fetch(`${app.opsUrl}/queues/api/queues`)).json()) as {
      queues: { name: string }[];
    };
    expect(queues.map(({ name }) => name).toSorted()).toEqual(['export', 'mail', 'payments', 'recovery', 'webhooks']);
  });
});

describe('what watches them', () => {
  const rules = alerts();
  const runbook = projectFile('deploy/README.md');

  it('asks for nothing that is not measured', async () => {
    await fetch(`${app.url}/health/live`);
    const text = await scrape(app);
    const known = new Set(text.match(/^\w+/gm));
    // A counter that was never counted up has no series yet, but a type.
    for (const [, name] of text.matchAll(/^# TYPE (\w+)/gm)) known.add(name!);
    const asked = [...rules.map(({ expr }) => expr), ...panelExpressions()].flatMap(namesIn);

    expect(asked.length).toBeGreaterThan(20);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  });

  it('is told of in the runbook, alert by alert', () => {
    expect(rules.map(({ alert }) => alert).filter((alert) => !runbook.includes(`\n### ${alert}\n`))).toEqual([]);
  });
});
