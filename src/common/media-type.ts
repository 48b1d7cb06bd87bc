/**
 * Whether a client would rather have this type than JSON: it names it, and does not like it less. Somebody to whom
 * everything is equal gets JSON.
 * @param accept - the header; `text/csv;q=0.9, application/json;q=0.1`.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
 */
export function prefers(accept: string | undefined, type: string): boolean {
  const liked = rangesOf(accept ?? '');
  const wanted = liked.get(type) ?? 0;
  const json = liked.get('application/json') ?? liked.get('application/*') ?? liked.get('*/*') ?? 0;
  return wanted > 0 && wanted >= json;
}

/** How much each range is liked, from 0 to 1. */
function rangesOf(accept: string): Map<string, number> {
  const ranges = accept.split(',').map((range) => range.split(';').map((part) => part.trim().toLowerCase()));
  return new Map(ranges.map(([name = '', ...parameters]) => [name, qualityOf(parameters)]));
}

/** Of a weight that cannot be read the range is left out, as if it were not liked at all. */
function qualityOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight) ? Number(weight) : 0;
}
