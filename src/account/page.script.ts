/** What all pages run: reads the token, sends the form to the API, and says in words what became of it. */
export const SCRIPT = `'use strict';
const get = (id) => document.getElementById(id);
get('needs').remove();
const form = get('form'), result = get('result'), button = form.querySelector('button');
const inputs = [...form.querySelectorAll('input[name]')];
let token = '', busy = false;

/** The token leaves the address bar at once: it is in no history, no bookmark and no screenshot. */
function readToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (location.hash) history.replaceState(null, '', location.pathname);
  if (given) token = given;
  form.hidden = token === '';
  say(token ? '' : 'Please open this page by the link in the mail. If you did, ask for a new mail.', 'bad');
}

function say(text, kind) {
  result.className = kind;
  result.textContent = text;
}

/** Where nothing more is to be done: the words take the place of the form, and the focus is not lost with it. */
function end(text, kind) {
  form.hidden = true;
  form.reset();
  token = '';
  say(text, kind);
  get('title').focus();
}

function mark(input, text) {
  const error = get(input.name + '-error');
  error.textContent = text;
  error.hidden = text === '';
  input.setAttribute('aria-invalid', String(text !== ''));
}

const labelOf = (input) => input.labels[0].firstChild.textContent.trim();
const inputOf = (name) => inputs.find((input) => input.name === name);

/** What is wrong with which field. Where a problem names none that is here, nothing. */
function faultsOf(problem) {
  if (problem.code === 'password_too_common') {
    return [['password', 'Too many people would guess this password. Please choose another one.']];
  }
  if (problem.code === 'username_taken') return [['username', 'Somebody else has this username. Please choose another one.']];
  return (problem.errors || []).map(({ pointer, message }) => {
    const name = pointer.replace('#/', '');
    const input = inputOf(name);
    return [name, input && (message.startsWith('must') || message.startsWith('is') ? labelOf(input) + ' ' + message : message)];
  });
}

const WORDS = {
  token_invalid: 'This link is not valid any more: it was used, its time is over, or a newer one was sent. Please ask for a new one.',
  email_taken: 'Another account has this e-mail address, so that it cannot become yours.',
  overloaded: 'There is too much to do just now. Please try again in a moment.',
};

function wait(seconds) {
  const minutes = Math.ceil(seconds / 60);
  if (seconds < 90) return seconds + (seconds === 1 ? ' second' : ' seconds');
  return minutes < 90 ? minutes + ' minutes' : Math.ceil(minutes / 60) + ' hours';
}

function refuse(answer, problem) {
  const faults = faultsOf(problem).filter(([name]) => inputOf(name));
  for (const [name, text] of faults) mark(inputOf(name), text);
  if (faults.length > 0) {
    say('', '');
    inputOf(faults[0][0]).focus();
  } else if (problem.code === 'token_invalid' || problem.code === 'email_taken') {
    end(WORDS[problem.code], 'bad');
  } else if (answer.status === 429) {
    say('That was too often. Please try again in ' + wait(Number(answer.headers.get('retry-after')) || 60) + '.', 'bad');
  } else if (answer.status >= 500) {
    say(WORDS[problem.code] || 'Something went wrong on our side. Please try again in a moment.', 'bad');
  } else {
    say((problem.detail || problem.title || 'That did not work') + '.', 'bad');
  }
}

/** Gives what was answered to the browser, as a file. */
function keep(text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = form.dataset.file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

const bodyOf = () =>
  Object.fromEntries([['token', token], ...inputs.map((input) => [input.name, input.value]).filter(([, value]) => value !== '')]);

async function send() {
  for (const input of inputs) mark(input, '');
  say('One moment …', '');
  const options = { method: 'POST', credentials: 'omit', cache: 'no-store', signal: AbortSignal.timeout(30000) };
  const headers = { 'content-type': 'application/json' };
  let answer, text;
  try {
    answer = await fetch(form.dataset.url, { ...options, headers, body: JSON.stringify(bodyOf()) });
    text = await answer.text();
  } catch {
    return say('The server cannot be reached. Please check your connection, and try again.', 'bad');
  }
  if (!answer.ok) return refuse(answer, problemIn(text));
  if (form.dataset.file) keep(text);
  end(get('done').content.textContent, 'good');
}

function problemIn(text) {
  try {
    return JSON.parse(text) || {};
  } catch {
    return {};
  }
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (busy) return;
  busy = true;
  button.setAttribute('aria-disabled', 'true');
  await send();
  button.removeAttribute('aria-disabled');
  busy = false;
});
for (const box of form.querySelectorAll('[data-shows]')) {
  box.addEventListener('change', () => (get(box.dataset.shows).type = box.checked ? 'text' : 'password'));
}
addEventListener('hashchange', readToken);
readToken();
`;
