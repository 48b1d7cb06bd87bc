import { uuidv7 } from '../../src/common/uuid.js';
import { ReconciliationRunsRepository } from '../../src/payments/reconciliation/reconciliation-runs.repository.js';
import { startApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { compare, RESTLESS } from '../support/reconciliation.js';

describe('a comparison with the provider', () => {
  it('is made by itself once a night, however many processes there are', async () => {
    const own = await startApp({ database: 'own', timings: RESTLESS });
    await eventually(async () => {
      const runs = await own.sql('SELECT status FROM reconciliation_runs WHERE night IS NOT NULL');
      if (runs[0]?.status !== 'finished') throw new Error('Not yet');
    });
    await new Promise((resolve) => setTimeout(resolve, 300));

    expect(await own.sql('SELECT night FROM reconciliation_runs GROUP BY night HAVING count(*) > 1')).toEqual([]);
    await own.close();
  });

  it('that a process died over is taken up by another, and the first one has no say any more', async () => {
    const id = uuidv7();
    const app = await startApp({ timings: RESTLESS });
    const died = `INSERT INTO reconciliation_runs (id, status, attempts, lease_until)
      VALUES ($1, 'running', 1, now() - interval '1 second') ON CONFLICT DO NOTHING RETURNING id`;
    await eventually(async () => expect(await app.sql(died, [id])).toHaveLength(1));
    await eventually(async () => {
      const rows = await app.sql('SELECT status, attempts FROM reconciliation_runs WHERE id = $1', [id]);
      expect(rows).toEqual([{ status: 'finished', attempts: 2 }]);
    });

    const runs = app.app.get(ReconciliationRunsRepository, { strict: false });
    expect(await runs.extend({ id, attempts: 1 }, 1_000)).toBe(false);
  });

  it('is tried again where the provider does not answer, and is asked for once while it waits', async () => {
    const away = await startApp({ database: 'own', timings: { ...RESTLESS, payment_lease_ms: 300 } });
    const chief = await away.admin();
    await eventually(async () => {
      const [night] = await away.sql('SELECT status FROM reconciliation_runs');
      if (night?.status !== 'finished') throw new Error('Not yet');
    });
    await chief.post('/simulator/faults', { operation: 'fetch', fault: 'server_error', next_n: 2 });
    await compare(away);

    const [run] = await away.sql('SELECT attempts FROM reconciliation_runs WHERE night IS NULL');
    expect(run.attempts).toBe(3);
    await away.close();
  });
});
