import { createHash } from 'node:crypto';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
* { box-sizing: border-box; }
body { margin: 0; height: 100dvh; display: grid; grid-template: auto 1fr / minmax(16rem, 24rem) 1fr; }
header { grid-column: 1 / -1; display: flex; gap: 1rem; align-items: baseline; padding: .75rem 1rem; border-bottom: 1px solid #8885; }
h1, h2, p, dl, dd, ol { margin: 0; padding: 0; }
h1 { font-size: 1.1rem; }
h2 { font-size: 1.25rem; margin-bottom: .5rem; }
nav { overflow: auto; border-right: 1px solid #8885; }
ol { list-style: none; }
li button { all: unset; box-sizing: border-box; display: block; width: 100%; padding: .6rem 1rem; cursor: pointer; border-bottom: 1px solid #8883; }
li button[aria-current=true] { background: #8883; }
li button:focus-visible { outline: 3px solid Highlight; outline-offset: -3px; }
li span { display: block; font-size: .875rem; }
li, h2, dd, pre { overflow-wrap: anywhere; }
main { display: flex; flex-direction: column; min-width: 0; overflow: auto; padding: 1rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 1rem; margin-bottom: 1rem; }
iframe { flex: 1; width: 100%; min-height: 24rem; border: 1px solid #8885; background: #fff; }
pre { white-space: pre-wrap; }
[hidden] { display: none; }
#mail:not([hidden]) { display: contents; }
#back { display: none; }
@media (max-width: 40rem) {
  body { grid-template: auto 1fr / 1fr; }
  body.reading nav, body:not(.reading) main { display: none; }
  nav { border: 0; }
  #back { display: block; align-self: start; min-height: 2.75rem; margin-bottom: 1rem; padding: 0 1rem; font: inherit; }
}`;

const SCRIPT = `
const get = (id) => document.getElementById(id);
const rowOf = (id) => document.querySelector('[data-id="' + id + '"]');
const subjectOf = (mail) => mail.subject || '(no subject)';
let mails = [], open;

function row(mail) {
  const item = document.createElement('li'), button = document.createElement('button');
  const subject = document.createElement('strong'), rest = document.createElement('span');
  subject.textContent = subjectOf(mail);
  rest.textContent = mail.to.join(', ') + ' · ' + new Date(mail.received_at).toLocaleTimeString();
  button.append(subject, rest);
  button.dataset.id = mail.id;
  button.setAttribute('aria-current', mail.id === open);
  button.onclick = () => show(mail);
  item.append(button);
  return item;
}

function list() {
  const focused = document.activeElement.dataset.id;
  get('mails').replaceChildren(...mails.map(row));
  if (focused) rowOf(focused)?.focus();
}

function show(mail) {
  open = mail.id;
  list();
  get('subject').textContent = subjectOf(mail);
  get('from').textContent = mail.from;
  get('to').textContent = mail.to.join(', ');
  get('at').textContent = new Date(mail.received_at).toLocaleString();
  get('html').srcdoc = '<base target="_blank">' + mail.html;
  get('html').hidden = mail.html === null;
  get('text').textContent = mail.text;
  get('plain').hidden = mail.text === null;
  get('plain').open = mail.html === null;
  get('none').hidden = true;
  get('mail').hidden = false;
  document.body.className = 'reading';
  get('subject').focus();
}

async function refresh() {
  try {
    const answer = await fetch('/dev/mailbox.json');
    const newest = await answer.json();
    if (!answer.ok) throw new Error(newest.title);
    const changed = newest.length !== mails.length || newest[0]?.id !== mails[0]?.id;
    mails = newest;
    if (changed) list();
    say(mails.length === 1 ? '1 mail' : mails.length + ' mails');
  } catch {
    say('The server does not answer');
  }
  setTimeout(refresh, 2000);
}

function say(status) {
  if (get('status').textContent !== status) get('status').textContent = status;
}

get('back').onclick = () => {
  document.body.className = '';
  rowOf(open)?.focus();
};
refresh();
`;

/** The mail's own scripts and forms are dead: the frame has an origin of its own and may only open links in new tabs. */
export const MAILBOX_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Development mailbox</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>Development mailbox</h1><p id="status" role="status"></p></header>
<nav aria-label="Mails, newest first"><ol id="mails"></ol></nav>
<main>
<p id="none">Every mail that this server sends arrives here, and nowhere else.</p>
<article id="mail" hidden aria-labelledby="subject">
<button id="back" type="button">Back to the list</button>
<h2 id="subject" tabindex="-1"></h2>
<dl><dt>From</dt><dd id="from"></dd><dt>To</dt><dd id="to"></dd><dt>Received</dt><dd id="at"></dd></dl>
<iframe id="html" title="The mail" sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>
<details id="plain"><summary>Plain text</summary><pre id="text"></pre></details>
</article>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`;

const digest = createHash('sha256').update(SCRIPT).digest('base64');

/** A mail in the frame is bound by it too: it brings styles and embedded pictures, and loads nothing from anywhere. */
export const MAILBOX_POLICY = [
  "default-src 'none'",
  `script-src 'sha256-${digest}'`,
  "style-src 'unsafe-inline'",
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
