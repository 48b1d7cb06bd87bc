import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Digests stand for accounts and addresses, also for accounts that nobody has: the table belongs to no tenant. */
export class LimitCounters1770000450000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE limit_counters (
        policy     text               NOT NULL,
        subject    text               NOT NULL,
        begun      double precision[] NOT NULL DEFAULT '{}',
        hits       integer[]          NOT NULL DEFAULT '{}',
        expires_at timestamptz        NOT NULL,
        CONSTRAINT limit_counters_pkey PRIMARY KEY (policy, subject),
        CONSTRAINT limit_counters_paired CHECK (cardinality(begun) = cardinality(hits))
      );
      CREATE INDEX limit_counters_expired ON limit_counters (expires_at);
    `);
    // Counts one hit under every policy, or under none where one of them is full. A counter holds grains, oldest first:
    // the time of the first hit in milliseconds, and how many hits.
    await runner.query(`
      CREATE FUNCTION take_hits(policies text[], subjects text[], limits integer[], grains integer[], windows bigint[])
      RETURNS TABLE (hits integer, is_full boolean, reset_ms double precision)
      LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp
      AS $$
      #variable_conflict use_column
      DECLARE
        at         integer;
        now_ms     double precision;
        refused    boolean;
        times      double precision[];
        counts     integer[];
        total      integer;
        left_over  integer;
      BEGIN
        -- In one order for everybody: two callers never wait for each other.
        FOR at IN SELECT i FROM generate_subscripts(policies, 1) AS i ORDER BY policies[i], subjects[i] LOOP
          INSERT INTO limit_counters AS counter (policy, subject, expires_at)
          VALUES (policies[at], subjects[at], clock_timestamp() + windows[at] * interval '1 millisecond')
          ON CONFLICT (policy, subject) DO UPDATE SET expires_at = counter.expires_at;
        END LOOP;
        now_ms := extract(epoch FROM clock_timestamp()) * 1000;

        UPDATE limit_counters AS counter SET (begun, hits) = (
          SELECT coalesce(array_agg(grain.begun ORDER BY grain.begun), '{}'),
                 coalesce(array_agg(grain.hits ORDER BY grain.begun), '{}')
          FROM unnest(counter.begun, counter.hits) AS grain (begun, hits)
          WHERE grain.begun > now_ms - asked.span
        )
        FROM unnest(policies, subjects, windows) AS asked (policy, subject, span)
        WHERE counter.policy = asked.policy AND counter.subject = asked.subject;

        SELECT bool_or(asked.most <= coalesce((SELECT sum(one) FROM unnest(counter.hits) AS one), 0)) INTO refused
        FROM unnest(policies, subjects, limits) AS asked (policy, subject, most)
        JOIN limit_counters AS counter ON counter.policy = asked.policy AND counter.subject = asked.subject;

        FOR at IN 1 .. cardinality(policies) LOOP
          SELECT counter.begun, counter.hits INTO times, counts FROM limit_counters AS counter
          WHERE counter.policy = policies[at] AND counter.subject = subjects[at];
          total := coalesce((SELECT sum(one) FROM unnest(counts) AS one), 0);
          is_full := total >= limits[at];
          IF NOT refused THEN
            IF counts[cardinality(counts)] < grains[at] THEN
              counts[cardinality(counts)] := counts[cardinality(counts)] + 1;
            ELSE
              times := times || now_ms;
              counts := counts || 1;
            END IF;
            total := total + 1;
            UPDATE limit_counters AS counter
            SET begun = times, hits = counts, expires_at = clock_timestamp() + windows[at] * interval '1 millisecond'
            WHERE counter.policy = policies[at] AND counter.subject = subjects[at];
          END IF;
          hits := total;
          reset_ms := windows[at];
          left_over := total;
          FOR i IN 1 .. cardinality(counts) LOOP
            left_over := left_over - counts[i];
            IF left_over < limits[at] THEN
              reset_ms := times[i] + windows[at] - now_ms;
              EXIT;
            END IF;
          END LOOP;
          RETURN NEXT;
        END LOOP;
      END
      $$;
      REVOKE EXECUTE ON FUNCTION take_hits(text[], text[], integer[], integer[], bigint[]) FROM PUBLIC;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP FUNCTION take_hits(text[], text[], integer[], integer[], bigint[]);
      DROP TABLE limit_counters;
    `);
  }
}
