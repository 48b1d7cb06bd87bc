import { uuidv7 } from '../../src/common/uuid.js';
import type { TestApp } from './app.js';

/**
 * So many captures of a tenant, a second after each other and ending now, without the work of a payment each.
 * @returns their ids on the account of sales, newest first.
 */
export async function insertCaptures(
  app: TestApp,
  tenant_id: string,
  count: number,
  currency = 'EUR',
  amountOf = (at: number): number => at + 1,
): Promise<string[]> {
  const now = Date.now();
  const rows = Array.from({ length: count }, (_, at) => {
    const time = now - (count - at) * 1_000;
    return {
      transaction: uuidv7(time),
      debit: uuidv7(time),
      credit: uuidv7(time),
      at: new Date(time),
      amount: amountOf(at),
    };
  });
  const accounts = ['provider_receivable', 'sales'].map((code) => ({ code, id: uuidv7() }));
  await app.sql(
    `INSERT INTO ledger_accounts (id, tenant_id, code, currency, type)
     SELECT id, $2, code, $3, CASE code WHEN 'sales' THEN 'income' ELSE 'asset' END
     FROM json_to_recordset($1) AS r (id uuid, code text)`,
    [JSON.stringify(accounts), tenant_id, currency],
  );
  await app.sql(
    `WITH given AS (
       SELECT * FROM json_to_recordset($1) AS r (transaction uuid, debit uuid, credit uuid, at timestamptz, amount bigint)
     ), posted AS (
       INSERT INTO ledger_transactions (id, tenant_id, event, source_type, source_id, effective_at, created_at)
       SELECT transaction, $2, 'captured', 'payment', transaction, at, at FROM given
     )
     INSERT INTO ledger_entries (id, tenant_id, transaction_id, account_id, currency, direction, amount, created_at)
     SELECT debit, $2, transaction, $4::uuid, $3, 'debit', amount, at FROM given
     UNION ALL SELECT credit, $2, transaction, $5::uuid, $3, 'credit', amount, at FROM given`,
    [JSON.stringify(rows), tenant_id, currency, accounts[0]!.id, accounts[1]!.id],
  );
  return rows.map(({ credit }) => credit).toReversed();
}

/** What a spreadsheet reads of a text in CSV: a row for each line, the first of them the names. */
export function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]];
  let at = 0;
  while (at < text.length) {
    const isQuoted = text[at] === '"';
    const [whole, cell = ''] = (isQuoted ? /"((?:[^"]|"")*)"/y : /([^,\r\n]*)/y).exec(text.slice(at)) ?? [''];
    rows.at(-1)!.push(isQuoted ? cell.replaceAll('""', '"') : cell);
    at += whole.length;
    if (text[at] === ',') at += 1;
    else if (text.startsWith('\r\n', at)) {
      at += 2;
      if (at < text.length) rows.push([]);
    } else if (at < text.length) throw new Error(`No CSV: ${JSON.stringify(text.slice(at, at + 20))}`);
  }
  const [names = [], ...lines] = rows;
  return lines.map((line) => {
    if (line.length !== names.length) throw new Error(`A line has ${line.length} cells: ${line.join('|')}`);
    return Object.fromEntries(names.map((name, place) => [name, line[place]!]));
  });
}
