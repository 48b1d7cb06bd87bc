import { Eta } from 'eta';
import type { Settings } from '../config/settings.js';

interface Field {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly type: 'text' | 'password';
  readonly autocomplete: string;
  readonly optional?: boolean;
  readonly max: number;
}

interface Page {
  readonly title: string;
  readonly intro: string;
  readonly fields: readonly Field[];
  readonly button: string;
  /** Below /api/v1; it gets the token and the fields. */
  readonly endpoint: string;
  /** What stands there in the end. */
  readonly done: string;
  /** The answer is kept under this name. */
  readonly file?: string;
}

const password = (label: string): Field => ({
  name: 'password',
  label,
  type: 'password',
  autocomplete: 'new-password',
  max: 128,
});

const PAGES = {
  'verify-email': {
    title: 'Verify your e-mail address',
    intro: 'Please confirm that the address to which this link was sent is yours.',
    fields: [],
    button: 'Verify this address',
    endpoint: 'auth/email/verify',
    done: 'Your e-mail address is verified. You can close this page.',
  },
  'reset-password': {
    title: 'Choose a new password',
    intro: 'With it you sign in from now on. Everybody who is signed in to your account is signed out.',
    fields: [password('New password')],
    button: 'Set the password',
    endpoint: 'auth/password/reset',
    done: 'Your new password is set. You can close this page, and sign in with it.',
  },
  invitation: {
    title: 'Accept the invitation',
    intro: 'Tell us who you are, and choose a password. You sign in with it and your e-mail address.',
    fields: [
      { name: 'full_name', label: 'Full name', type: 'text', autocomplete: 'name', max: 200 },
      {
        name: 'username',
        label: 'Username',
        hint: 'If you want one: 3 to 30 letters, digits, - and _',
        type: 'text',
        autocomplete: 'username',
        optional: true,
        max: 30,
      },
      password('Password'),
    ],
    button: 'Create my account',
    endpoint: 'invitations/accept',
    done: 'Your account is ready. You can close this page, and sign in.',
  },
  export: {
    title: 'Download your data',
    intro: 'Everything that we keep about you, in one file. The link is good for a while, and only for you.',
    fields: [],
    button: 'Download',
    endpoint: 'exports/download',
    done: 'The file is among your downloads. You can close this page.',
    file: 'my-data.json',
  },
} as const satisfies Record<string, Page>;

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title><%= it.title %> · <%= it.app_name %></title>
<link rel="stylesheet" href="<%= it.base %>/account/page.css">
<script src="<%= it.base %>/account/page.js" defer></script>
</head>
<body>
<main>
<p class="brand"><%= it.app_name %></p>
<div class="card">
<h1 id="title" tabindex="-1"><%= it.title %></h1>
<form id="form" method="post" hidden aria-labelledby="title" data-url="<%= it.base %>/api/v1/<%= it.endpoint %>" data-file="<%= it.file %>">
<p><%= it.intro %></p>
<% it.fields.forEach((field) => { %>
<div class="field">
<label for="<%= field.name %>"><%= field.label %><% if (field.optional) { %> <span class="hint">(optional)</span><% } %></label>
<% if (field.hint) { %><p class="hint" id="<%= field.name %>-hint"><%= field.hint %></p><% } %>
<input id="<%= field.name %>" name="<%= field.name %>" type="<%= field.type %>" autocomplete="<%= field.autocomplete %>" autocapitalize="<%= field.name === 'full_name' ? 'words' : 'none' %>" spellcheck="false" maxlength="<%= 2 * field.max %>"<% if (field.min) { %> minlength="<%= field.min %>"<% } %><% if (!field.optional) { %> required<% } %> aria-describedby="<% if (field.hint) { %><%= field.name %>-hint <% } %><%= field.name %>-error">
<p class="error" id="<%= field.name %>-error" hidden></p>
<% if (field.type === 'password') { %><label class="check"><input type="checkbox" data-shows="<%= field.name %>"> Show the password</label><% } %>
</div>
<% }) %>
<button type="submit"><%= it.button %></button>
</form>
<p id="result" role="status"></p>
<template id="done"><%= it.done %></template>
<p id="needs">This page needs JavaScript: please allow it, and open the link of the mail again.</p>
</div>
</main>
</body>
</html>
`;

const eta = new Eta({ autoEscape: true });
const render = eta.compile(HTML);

/** Says nothing of whoever opens it: the token of the link is in the fragment, which browsers send to nobody. */
export function pageOf(name: keyof typeof PAGES, settings: Settings): string {
  const { APP_NAME: app_name, PUBLIC_URL, PASSWORD_MIN_LENGTH: min } = settings;
  const page: Page = PAGES[name];
  const fields = page.fields.map((field) =>
    field.type === 'password'
      ? { ...field, min, hint: `At least ${min} characters; a few words make a good one` }
      : field,
  );
  // People may reach us below a path.
  const base = new URL(PUBLIC_URL).pathname.replace(/\/$/, '');
  return render.call(eta, { file: '', ...page, fields, app_name, base });
}

/** Its own script and style sheet, and the API; nothing from elsewhere, and no form that a browser would send by itself. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
