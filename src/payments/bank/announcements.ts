import { randomBytes } from 'node:crypto';
import type { BankBooks, Charge } from './bank.repository.js';
import { findMethod } from './payment-methods.js';

const DUPLICATES = 5;

/** Something of a charge, as an event names it. */
export interface Announced {
  readonly id: string;
  readonly object: 'payment_intent' | 'refund' | 'dispute';
  /** Beside whose payment it is. */
  readonly refund_id?: string | null;
}

/** Writes down that the bank will tell of it, in the manner of the charge's payment method. */
export async function announce(books: BankBooks, charge: Charge, type: string, thing: Announced): Promise<void> {
  const manner = findMethod(charge.payment_method)?.manner ?? 'plain';
  if (manner === 'never') return;
  const id = `evt_sim_${randomBytes(12).toString('hex')}`;
  const { payment_id, tenant_id } = charge;
  const { refund_id } = thing;
  const metadata = { payment_id, tenant_id, ...(refund_id && { refund_id }) };
  const event = { id, type, livemode: false, data: { object: { id: thing.id, object: thing.object, metadata } } };
  const copies = manner === 'duplicate' ? DUPLICATES : 1;
  for (let copy = 0; copy < copies; copy++) await books.tell(id, charge.id, event, manner);
}
