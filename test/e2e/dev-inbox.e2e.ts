import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport, type SendMailOptions } from 'nodemailer';
import { Inbox, type InboxOptions } from '../../src/dev/inbox.js';

let directory: string;
let inbox: Inbox;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'omni-inbox-'))));
afterEach(async () => {
  await inbox.stop();
  rmSync(directory, { recursive: true });
});

const open = async (options: Partial<InboxOptions> = {}) => (inbox = await Inbox.start({ directory, ...options }));

async function send(mail: SendMailOptions): Promise<void> {
  const transport = createTransport(inbox.url);
  await transport.sendMail({ from: 'Omni <no-reply@omni.localhost>', to: 'ada@example.com', text: '', ...mail });
  transport.close();
}

const subjects = () => inbox.list().map(({ subject }) => subject);

describe('the development inbox', () => {
  it('shows a mail as it was sent, to whom it was delivered, and when', async () => {
    await open();
    await send({
      to: 'Ada <ada@example.com>',
      bcc: 'bob@example.com',
      subject: 'Grüße',
      text: 'plain',
      html: '<p>rich</p>',
    });

    expect(inbox.list()).toEqual([
      {
        id: expect.any(String),
        from: 'no-reply@omni.localhost',
        to: ['ada@example.com', 'bob@example.com'],
        subject: 'Grüße',
        text: expect.stringMatching(/^plain\s*$/),
        html: expect.stringContaining('<p>rich</p>'),
        received_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
    ]);
  });

  it('says null for the form that a mail does not have', async () => {
    await open();
    await send({ text: 'plain' });
    await send({ text: undefined, html: '<p>rich</p>' });

    expect(inbox.list().map(({ text, html }) => [text === null, html === null])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it('keeps the newest, newest first, also across a restart', async () => {
    await open({ keep: 3 });
    for (const subject of ['1', '2', '3', '4', '5']) await send({ subject });
    expect(subjects()).toEqual(['5', '4', '3']);
    await inbox.stop();

    await open({ keep: 3 });
    await send({ subject: '6' });

    expect(subjects()).toEqual(['6', '5', '4']);
    expect(readdirSync(directory)).toHaveLength(3);
  });

  it('leaves out a file that cannot be read, says so, and goes on', async () => {
    await open();
    await send({ subject: 'whole' });
    await inbox.stop();
    writeFileSync(join(directory, '0-broken.json'), '{"id":');
    writeFileSync(join(directory, 'draft.tmp'), '{"id":');
    const said: string[] = [];

    await open({ say: (line) => said.push(line) });

    expect(subjects()).toEqual(['whole']);
    expect(said).toEqual([expect.stringContaining('0-broken.json')]);
  });

  it('refuses a mail above 10 MiB and stays open for the next one', async () => {
    await open();

    await expect(send({ text: 'x'.repeat(79).concat('\n').repeat(135_000) })).rejects.toMatchObject({
      responseCode: 552,
    });
    await send({ subject: 'small' });

    expect(subjects()).toEqual(['small']);
  });

  it('takes mails that arrive at once, and loses none', async () => {
    await open();
    await Promise.all(Array.from({ length: 20 }, (_, index) => send({ subject: String(index) })));

    expect(new Set(subjects()).size).toBe(20);
    expect(readdirSync(directory)).toHaveLength(20);
  });
});
