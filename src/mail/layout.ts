import { Eta } from 'eta';
import type { Letter } from './mails.js';
import { presentableName } from './names.js';

export interface RenderedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const TEXT = `Hello<%= it.name && ' ' + it.name %>,

<% it.paragraphs.forEach((paragraph) => { %><%= paragraph %>

<% }) %><% if (it.link) { %><%= it.link.label %>:
<%= it.link.url %>

<% } %>-- 
<%= it.app_name %>
`;

/** Tables and inline styles, since mail programs know little else; the style sheet only adds to them. */
const HTML = `<!DOCTYPE html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title><%= it.subject %></title>
<style>
  :root { color-scheme: light dark; }
  @media (max-width: 480px) { .page { padding: 16px 8px !important; } .card { padding: 24px 20px !important; } }
  @media (prefers-color-scheme: dark) {
    body, .page { background: #0f1318 !important; }
    .card { background: #1a2028 !important; border-color: #2c3540 !important; }
    h1, p { color: #e6eaef !important; }
    .brand, .small { color: #9aa7b5 !important; }
  }
</style>
</head>
<body style="margin:0; background:#f2f4f7; font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
<tr><td class="page" align="center" style="padding:40px 16px; background:#f2f4f7;">
  <table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:560px;">
  <tr><td class="brand" style="padding:0 4px 16px; font-size:15px; line-height:20px; font-weight:600; color:#4a5663;">
    <%= it.app_name %>
  </td></tr>
  <tr><td class="card" style="padding:36px 40px 28px; background:#ffffff; border:1px solid #dfe4ea; border-radius:12px;">
    <h1 style="margin:0 0 20px; font-size:24px; line-height:32px; font-weight:650; color:#16202b;"><%= it.subject %></h1>
    <p style="margin:0 0 16px; font-size:16px; line-height:25px; color:#2b3642;">Hello<%= it.name && ' ' + it.name %>,</p>
    <% it.paragraphs.forEach((paragraph) => { %>
    <p style="margin:0 0 16px; font-size:16px; line-height:25px; color:#2b3642;"><%= paragraph %></p>
    <% }) %>
    <% if (it.link) { %>
    <p style="margin:24px 0;"><a class="button" href="<%= it.link.url %>" style="display:inline-block; padding:12px 24px; border-radius:8px; background:#1f4e8c; color:#ffffff; font-size:16px; line-height:24px; font-weight:600; text-decoration:none;"><%= it.link.label %></a></p>
    <p class="small" style="margin:0 0 16px; font-size:13px; line-height:20px; color:#5b6775; overflow-wrap:anywhere;">If the button does not work, open this address: <%= it.link.url %></p>
    <% } %>
  </td></tr>
  <tr><td class="small" style="padding:16px 4px 0; font-size:13px; line-height:20px; color:#5b6775;">
    You get this mail because this address was given for an account at <%= it.app_name %>.
  </td></tr>
  </table>
</td></tr>
</table>
</body>
</html>
`;

const forHtml = new Eta({ autoEscape: true });
const forText = new Eta({ autoEscape: false, autoTrim: false });
const html = forHtml.compile(HTML);
const text = forText.compile(TEXT);

/** The same letter twice: for programs that show HTML, escaped, and for those that do not, as it is. */
export function layOut({ subject, full_name, paragraphs, link }: Letter, app_name: string): RenderedMail {
  const view = { subject, name: presentableName(full_name), paragraphs, link, app_name };
  return { subject, text: text.call(forText, view), html: html.call(forHtml, view) };
}
