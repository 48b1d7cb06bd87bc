/** What a cell may hold. */
export type CsvCell = string | number | Date | null;

/** What a spreadsheet takes for the beginning of a formula, which it would then run. */
const FORMULA = /^[=+\-@\t\r]/;

/**
 * A line of CSV as RFC 4180 has it: quoted where it must be, ended by CR LF. A text that a spreadsheet would run as a
 * formula gets an apostrophe in front, which spreadsheets do not show; numbers are never touched.
 * @see https://owasp.org/www-community/attacks/CSV_Injection
 */
export const csvLine = (cells: readonly CsvCell[]): string => `${cells.map(textOf).join(',')}\r\n`;

function textOf(cell: CsvCell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  if (cell instanceof Date) return cell.toISOString();
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
