import { csvLine } from '../../src/common/csv.js';
import { prefers } from '../../src/common/media-type.js';

describe('a line of CSV', () => {
  it('is quoted where RFC 4180 wants it, and ends with CR LF', () => {
    expect(csvLine(['plain', 'a,b', 'say "so"', 'two\r\nlines', '', null])).toBe(
      'plain,"a,b","say ""so""","two\r\nlines",,\r\n',
    );
  });

  it('has numbers and times as JSON has them', () => {
    expect(csvLine([-4_200, new Date('2026-01-31T12:00:00.000Z')])).toBe('-4200,2026-01-31T12:00:00.000Z\r\n');
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '=HYPERLINK("http://evil.example","x")'])(
    'runs no text as a formula: %j',
    (text) => {
      const cell = csvLine([text]).trimEnd().replace(/^"/, '');
      expect(cell.startsWith(`'${text[0]}`)).toBe(true);
    },
  );

  it('takes a carriage return in front for one too', () => {
    expect(csvLine(['\r=1'])).toBe(`"'\r=1"\r\n`);
  });
});

describe('what a client would rather have', () => {
  it.each([
    ['text/csv', true],
    ['TEXT/CSV; q=1.000', true],
    ['text/csv, */*', true],
    ['text/csv;q=0.5, application/json;q=0.4', true],
    ['text/csv;header=present', true],
    ['application/json', false],
    ['text/csv;q=0.4, application/json;q=0.5', false],
    ['text/csv;q=0.4, */*;q=0.5', false],
    ['text/csv;q=0', false],
    ['text/csv;q=high', false],
    ['text/*', false],
    ['*/*', false],
    ['text/html', false],
    ['', false],
    [undefined, false],
  ])('%j is for CSV: %s', (accept, wanted) => {
    expect(prefers(accept, 'text/csv')).toBe(wanted);
  });
});
