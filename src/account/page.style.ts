/** One sheet for all pages: the colours of the mails, light and dark, from the narrowest phone on. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f2f4f7; --card: #fff; --line: #dfe4ea; --text: #16202b; --soft: #4a5663;
  --accent: #1f4e8c; --on-accent: #fff; --field: #8794a3; --bad: #a4161a; --good: #17663a;
  font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1318; --card: #1a2028; --line: #2c3540; --text: #e6eaef; --soft: #9aa7b5;
    --accent: #8ab8f2; --on-accent: #0f1318; --field: #6b7887; --bad: #ff9c9c; --good: #7fd6a2;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--page); color: var(--text); }
main { max-width: 32rem; margin: 0 auto; padding: clamp(1rem, 8vh, 5rem) 1rem 2rem; }
h1, p { margin: 0; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.3; font-weight: 650; }
h1:focus { outline: none; }
.brand { margin: 0 .25rem 1rem; font-size: .9375rem; font-weight: 600; color: var(--soft); }
.card { padding: clamp(1.25rem, 6vw, 2.25rem); background: var(--card); border: 1px solid var(--line); border-radius: .75rem; }
form { display: grid; gap: 1.25rem; margin-top: 1rem; }
.field { display: grid; gap: .375rem; }
.field > label:first-child { font-weight: 600; }
.hint { font-size: .875rem; font-weight: 400; color: var(--soft); }
input:not([type=checkbox]) {
  width: 100%; min-height: 2.875rem; padding: .5rem .75rem; font: inherit; color: inherit;
  background: var(--card); border: 1px solid var(--field); border-radius: .5rem;
}
input[aria-invalid=true] { border-color: var(--bad); }
.check { display: flex; align-items: center; gap: .5rem; min-height: 2rem; font-size: .9375rem; }
.check input { width: 1.125rem; height: 1.125rem; margin: 0; accent-color: var(--accent); }
button {
  min-height: 2.875rem; padding: .625rem 1.5rem; font: inherit; font-weight: 600; cursor: pointer;
  color: var(--on-accent); background: var(--accent); border: 0; border-radius: .5rem; justify-self: start;
}
button[aria-disabled=true] { opacity: .6; cursor: progress; }
:is(input, button):focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.error { font-size: .9375rem; color: var(--bad); }
#result:not(:empty) { margin-top: 1rem; font-weight: 500; }
#result.bad { color: var(--bad); }
#result.good { color: var(--good); }
/* Taken away by the script, which is at work before this shows: where scripts are off, and where ours did not arrive. */
#needs { margin-top: 1rem; animation: appear 0s 1s both; }
@keyframes appear { from { visibility: hidden; } to { visibility: visible; } }
@media (max-width: 30rem) { button { justify-self: stretch; } }
`;
