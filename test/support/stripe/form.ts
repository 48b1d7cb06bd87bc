/** A form as Stripe reads it: `metadata[a]=1&expand[0]=x` are nested. */
export function parseForm(text: string): Record<string, any> {
  const form: Record<string, any> = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const path = name.split(/[[\]]+/).filter((part) => part !== '');
    let place = form;
    for (const part of path.slice(0, -1)) place = place[part] ??= {};
    place[path.at(-1)!] = value;
  }
  return form;
}

/** A list in a form, whose places are numbered. */
export const listIn = (value: Record<string, string> | undefined): string[] => Object.values(value ?? {});
