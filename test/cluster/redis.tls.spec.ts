import { someAccount } from '../support/app.js';
import { succeed } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { startProcess } from '../support/process.js';
import { sharedStage } from '../support/stage.js';
import { describeWithPrograms, REDIS_TOOLS, startTlsCluster, startTlsServer } from '../support/topologies.js';

jest.setTimeout(120_000);

describeWithPrograms(...REDIS_TOOLS, ['openssl'])('a Redis that speaks TLS', () => {
  it('by a certificate of an authority of your own works with NODE_EXTRA_CA_CERTS, and is not believed without', async () => {
    const { url, authority } = await startTlsServer();
    const settings = { REDIS_URL: url };
    const trusting = await startProcess({ settings, environment: { NODE_EXTRA_CA_CERTS: authority } });
    const account = someAccount();
    succeed(await trusting.send('POST', '/users', { body: account }));
    const { inbox } = await sharedStage();
    await eventually(() => inbox.list().some(({ to }) => to.includes(account.email)));
    expect((await trusting.send('GET', '~/health/ready')).body.status).toBe('ok');

    const doubting = await startProcess({ settings });
    expect((await doubting.send('GET', '~/health/ready')).body.status).toBe('degraded');
    succeed(await doubting.send('POST', '/users', { body: someAccount() }));
    await Promise.all([trusting, doubting].map((one) => one.kill('SIGTERM')));
    expect(trusting.output.join('')).not.toMatch(/Redis fails/);
    expect(doubting.output.join('')).toMatch(/Redis fails: Error \w*(SELF_SIGNED|UNABLE_TO)\w*/);
  });

  it('may be a cluster whose certificates name hosts alone, which its nodes announce', async () => {
    const { url, authority } = await startTlsCluster();
    const environment = { NODE_EXTRA_CA_CERTS: authority };
    const process = await startProcess({ settings: { REDIS_URL: url }, environment });
    const account = someAccount();
    succeed(await process.send('POST', '/users', { body: account }));
    const { inbox } = await sharedStage();
    await eventually(() => inbox.list().some(({ to }) => to.includes(account.email)));

    expect((await process.send('GET', '~/health/ready')).body.status).toBe('ok');
    await process.kill('SIGTERM');
    expect(process.output.join('')).not.toMatch(/Redis fails/);
  });
});
