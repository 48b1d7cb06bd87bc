import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';

/** What the simulator holds of a person leaves with the account: in the same transaction, unlike all else at the bank. */
@Injectable()
export class BankErasureRepository {
  constructor(private readonly database: Database) {}

  async erase(owner_id: string): Promise<void> {
    const theirs = 'payment_id IN (SELECT id FROM payments WHERE owner_id = $1)';
    await this.database.run(async (manager) => {
      await manager.query(
        `UPDATE simulator.requests SET body = body #- '{made,return_url}' #- '{made,payment_method}' #- '{made,reason}'
         WHERE body -> 'made' ->> 'payment_id' IN (SELECT id::text FROM payments WHERE owner_id = $1)`,
        [owner_id],
      );
      await manager.query(`UPDATE simulator.refunds SET reason = NULL WHERE ${theirs}`, [owner_id]);
      await manager.query(`UPDATE simulator.disputes SET reason = NULL WHERE ${theirs}`, [owner_id]);
      await manager.query(`UPDATE simulator.charges SET return_url = NULL WHERE ${theirs}`, [owner_id]);
    });
  }
}
