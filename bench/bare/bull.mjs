// Bull and nothing else: jobs are put into a queue and taken out of it by a processor, as many at once as in the
// application, and with the same options. A job is lost with Redis, is done twice or never when a process dies, and knows
// nothing of a transaction: that is what the outbox is for.
import Queue from 'bull';
import { createTransport } from 'nodemailer';

const { REDIS_URL = '', SMTP_URL = '' } = process.env;
const AT_ONCE = 5;
const OPTIONS = { attempts: 1, removeOnComplete: true, removeOnFail: true };

const transport = createTransport({ url: SMTP_URL, pool: true, maxConnections: AT_ONCE });
/** @type {() => void} */
let done = () => undefined;
let left = 0;

const queue = new Queue('bench', REDIS_URL);
void queue.process(AT_ONCE, async (/** @type {any} */ { data }) => {
  if (data.mail) await transport.sendMail(data.mail);
  if (--left === 0) done();
});
// It is of no use to measure what fails.
queue.on('failed', (_, error) => {
  console.error(error);
  process.exit(1);
});

const measure = async (/** @type {any} */ { jobs, mail }) => {
  left = jobs;
  const finished = new Promise((resolve) => (done = () => resolve(undefined)));
  const begun = performance.now();
  // A hundred at once, as the relay hands rows over.
  for (let added = 0; added < jobs; added += 100) {
    const some = Array.from({ length: Math.min(100, jobs - added) }, (_, index) =>
      queue.add({ mail }, { ...OPTIONS, jobId: `${begun}:${added + index}` }),
    );
    await Promise.all(some);
  }
  await finished;
  process.send?.({ rate: jobs / ((performance.now() - begun) / 1_000) });
};
process.on('message', (message) => void measure(message));
await queue.isReady();
process.send?.({ ready: true });
process.on('disconnect', () => process.exit());
