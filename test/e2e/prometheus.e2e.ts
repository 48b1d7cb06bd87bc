import { startApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { hasPrometheus, Prometheus } from '../support/prometheus.js';
import { ALERTS_FILE, alerts, panelExpressions } from '../support/watching.js';

const isTried = hasPrometheus() || process.env['CI'] !== undefined;
if (!isTried) process.stderr.write('There is no Prometheus: its rules are not tried\n');
const describeWithPrometheus = isTried ? describe : describe.skip;

jest.setTimeout(120_000);

describeWithPrometheus('a Prometheus that reads a process', () => {
  let app: TestApp;
  let prometheus: Prometheus;
  beforeAll(async () => {
    app = await startApp({ database: 'own', settings: { SMTP_URL: 'smtp://127.0.0.1:9' } });
    await app.signUp();
    prometheus = await Prometheus.start(app.opsUrl, ALERTS_FILE);
  });

  it('evaluates every alert, and none goes off', async () => {
    const written = alerts().map(({ alert }) => alert);
    await eventually(async () => {
      expect(await prometheus.series('omni_info')).toHaveLength(1);
      const rules = await prometheus.rules();
      expect(rules.map(({ name }) => name)).toEqual(written);
      expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
      expect(rules.filter(({ state }) => state === 'firing')).toEqual([]);
    });
  });

  it('understands every panel of the dashboard', async () => {
    // Grafana puts a span of time there.
    const expressions = panelExpressions().map((one) => one.replaceAll('$__rate_interval', '1m'));

    expect(expressions).not.toEqual([]);
    await eventually(async () => {
      const found = await Promise.all(expressions.map((expression) => prometheus.series(expression)));
      expect(expressions.filter((_, index) => found[index]!.length === 0)).toEqual([]);
    });
  });

  it('raises the alarm when something was given up, and says of what', async () => {
    await eventually(async () => {
      // Again where an attempt that was under way has put it back.
      await app.sql(`UPDATE outbox SET status = 'dead' WHERE status = 'pending'`);
      const dead = (await prometheus.rules()).find(({ name }) => name === 'OmniBacklogDead');
      expect(dead?.state).toBe('firing');
      expect(dead?.alerts.map(({ annotations }) => annotations['summary'])).toEqual([
        'Something in outbox was given up',
      ]);
    });
  });
});
