import { createHash } from 'node:crypto';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 32rem; padding: 2rem 1rem; }
h1 { font-size: 1.4rem; }
button, a.go { display: inline-block; min-height: 2.75rem; margin: 0 .5rem .5rem 0; padding: .5rem 1rem; font: inherit; }
[hidden] { display: none !important; }`;

/** The token never leaves the browser but in the answer; the payer goes on by a click alone. */
const SCRIPT = `
const get = (id) => document.getElementById(id);
const token = location.hash.slice(1);
history.replaceState(null, '', location.pathname);
async function answer(outcome) {
  get('buttons').hidden = true;
  try {
    const got = await fetch(location.pathname, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token, outcome }),
    });
    const body = await got.json();
    if (!got.ok) throw new Error(body.detail);
    get('said').textContent = outcome === 'success' ? 'You have agreed. The bank goes on.' : 'You have not agreed.';
    if (body.return_url) {
      get('go').href = body.return_url;
      get('go').hidden = false;
    }
  } catch (error) {
    get('said').textContent = error.message || 'The bank does not answer.';
  }
}
for (const outcome of ['success', 'fail', 'abandon']) get(outcome).onclick = () => answer(outcome);
if (!token) get('buttons').hidden = true, get('said').textContent = 'This page wants the link that you were given.';`;

/** The page of the simulated bank, to which `next_action` sends the payer. */
export const AUTHENTICATION_PAGE = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>The simulated bank</title>
<style>${STYLE}</style>
</head>
<body>
<h1>The simulated bank</h1>
<p id="said" role="status">Do you agree to the payment? No money moves: this bank is a simulation.</p>
<p id="buttons">
<button id="success" type="button">I agree</button>
<button id="fail" type="button">It was not me</button>
<button id="abandon" type="button">Not now</button>
</p>
<p><a id="go" class="go" rel="noreferrer" hidden>Go on</a></p>
<script>${SCRIPT}</script>
</body>
</html>
`;

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The page runs its own script, and asks nobody but us. */
export const AUTHENTICATION_POLICY = [
  "default-src 'none'",
  `script-src ${hash(SCRIPT)}`,
  `style-src ${hash(STYLE)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(';');
