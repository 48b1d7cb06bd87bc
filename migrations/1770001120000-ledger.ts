import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = ['ledger_accounts', 'ledger_transactions', 'ledger_entries'];

/** Double entry, kept by the database itself: what does not balance is not committed, and what is written stays. */
export class Ledger1770001120000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE ledger_accounts (
        id         uuid        CONSTRAINT ledger_accounts_pkey PRIMARY KEY,
        tenant_id  uuid        NOT NULL,
        code       text        NOT NULL,
        currency   text        NOT NULL CONSTRAINT ledger_accounts_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
        type       text        NOT NULL CONSTRAINT ledger_accounts_type_known
                               CHECK (type IN ('asset', 'liability', 'income', 'contra_income', 'expense')),
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT ledger_accounts_code_key UNIQUE (tenant_id, code, currency),
        CONSTRAINT ledger_accounts_place_key UNIQUE (id, tenant_id, currency)
      );
      CREATE TABLE ledger_transactions (
        id           uuid        CONSTRAINT ledger_transactions_pkey PRIMARY KEY,
        tenant_id    uuid        NOT NULL,
        event        text        NOT NULL,
        source_type  text        NOT NULL,
        source_id    uuid        NOT NULL,
        payment_id   uuid        CONSTRAINT ledger_transactions_payment_fkey REFERENCES payments (id),
        reverses     uuid        CONSTRAINT ledger_transactions_reversed_once UNIQUE
                                 CONSTRAINT ledger_transactions_reverses_fkey REFERENCES ledger_transactions (id),
        effective_at timestamptz NOT NULL,
        created_at   timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT ledger_transactions_fact_key UNIQUE (source_type, source_id, event),
        CONSTRAINT ledger_transactions_place_key UNIQUE (id, tenant_id)
      );
      CREATE INDEX ledger_transactions_of_payment ON ledger_transactions (payment_id);
      CREATE TABLE ledger_entries (
        id             uuid        CONSTRAINT ledger_entries_pkey PRIMARY KEY,
        tenant_id      uuid        NOT NULL,
        transaction_id uuid        NOT NULL,
        account_id     uuid        NOT NULL,
        currency       text        NOT NULL,
        direction      text        NOT NULL CONSTRAINT ledger_entries_direction_known CHECK (direction IN ('debit', 'credit')),
        amount         bigint      NOT NULL CONSTRAINT ledger_entries_amount_positive CHECK (amount > 0),
        created_at     timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT ledger_entries_transaction_fkey FOREIGN KEY (transaction_id, tenant_id)
          REFERENCES ledger_transactions (id, tenant_id),
        CONSTRAINT ledger_entries_account_fkey FOREIGN KEY (account_id, tenant_id, currency)
          REFERENCES ledger_accounts (id, tenant_id, currency)
      );
      CREATE INDEX ledger_entries_of_account ON ledger_entries (account_id, id DESC);
      CREATE INDEX ledger_entries_of_transaction ON ledger_entries (transaction_id);
    `);
    // It runs at the commit, in whatever scope the transaction ends, and must see every entry: it lifts row-level
    // security for itself, as the look-up of sessions does.
    await runner.query(`
      CREATE FUNCTION ledger_must_balance() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
      DECLARE
        outer_scope text := current_setting('app.system', true);
        posted uuid := coalesce(to_jsonb(NEW) ->> 'transaction_id', to_jsonb(NEW) ->> 'id')::uuid;
        entries integer;
        unequal integer;
      BEGIN
        PERFORM set_config('app.system', 'on', true);
        SELECT count(*) INTO entries FROM ledger_entries WHERE transaction_id = posted;
        SELECT count(*) INTO unequal FROM (
          SELECT 1 FROM ledger_entries WHERE transaction_id = posted GROUP BY currency
          HAVING sum(CASE direction WHEN 'debit' THEN amount ELSE -amount END) <> 0
        ) AS sums;
        PERFORM set_config('app.system', coalesce(outer_scope, ''), true);
        IF entries < 2 OR unequal > 0 THEN
          RAISE EXCEPTION 'ledger transaction % does not balance', posted
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balanced';
        END IF;
        RETURN NULL;
      END
      $$;
      CREATE CONSTRAINT TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_must_balance();
      CREATE CONSTRAINT TRIGGER ledger_transactions_balance AFTER INSERT ON ledger_transactions
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_must_balance();
    `);
    for (const table of TABLES) {
      await runner.query(`
        CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION refuse_change();
        CREATE TRIGGER ${table}_no_truncate BEFORE TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
        ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY ${table}_scope ON ${table} USING (
          tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
          OR current_setting('app.system', true) = 'on'
        );
      `);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE ledger_entries;
      DROP TABLE ledger_transactions;
      DROP TABLE ledger_accounts;
      DROP FUNCTION ledger_must_balance();
    `);
  }
}
