import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { startApp } from '../support/app.js';
import { PATIENT } from '../support/visitors.js';

describe('a mail server that sends everybody away', () => {
  it('is asked once, however often the health is asked for', async () => {
    let asked = 0;
    const server = createServer((socket) => {
      asked += 1;
      socket.on('error', () => undefined).end('421 Come again later\r\n');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const SMTP_URL = `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // No mails of others: each would be a connection of its own.
    const app = await startApp({ database: 'own', settings: { SMTP_URL }, timings: PATIENT });

    for (let times = 0; times < 20; times += 1)
      expect((await app.send('GET', '~/health/ready')).body).toEqual({ status: 'degraded' });
    expect(asked).toBe(1);

    await app.close();
    server.close();
  });
});
