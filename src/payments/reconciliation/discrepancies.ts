import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../../database/database.js';
import type { GatewayConfig } from '../gateways/payment.gateway.js';
import type { ItemKind, ObjectType } from './reconciliation-item.entity.js';
import {
  ReconciliationItemsRepository,
  type Finding,
  type ItemObject,
  type OpenItem,
} from './reconciliation-items.repository.js';

const PAGE = 100;

/**
 * Writes down what does not agree, once for as long as it does not, and tells the log when it begins: the line's `msg` is
 * `Reconciliation:` and the kind, for alerts to go by.
 */
@Injectable()
export class Discrepancies {
  private readonly logger = new Logger(Discrepancies.name);

  constructor(
    private readonly database: Database,
    private readonly items: ReconciliationItemsRepository,
  ) {}

  /** That it is so, or is so still. */
  async report(object: ItemObject, finding: Finding): Promise<void> {
    if (await this.asSystem(() => this.items.see(object, finding))) this.tell(object, finding);
  }

  /** The same, but that what somebody has found out by asking the provider is left as it is. */
  async note(object: ItemObject, finding: Finding): Promise<void> {
    if (await this.asSystem(() => this.items.note(object, finding))) this.tell(object, finding);
  }

  /**
   * All that is to be said about an object.
   * @param kinds - those that were looked for: what is open of them and was not found any more is resolved.
   */
  async settle(object: ItemObject, kinds: readonly ItemKind[], findings: readonly Finding[]): Promise<void> {
    for (const finding of findings) await this.report(object, finding);
    const still = findings.map(({ kind }) => kind);
    const resolved = await this.asSystem(() => this.items.resolve(object, kinds, still));
    const { object_type, object_id, payment_id } = object;
    if (resolved > 0) this.logger.log({ msg: 'Reconciliation: resolved', object_type, object_id, payment_id });
  }

  /** Resolves what is open of a kind, but for the objects of which it still holds. */
  async keepOnly(kind: ItemKind, object_type: ObjectType, still: readonly string[]): Promise<void> {
    const resolved = await this.asSystem(() => this.items.resolveOthers(kind, object_type, still));
    if (resolved > 0) this.logger.log({ msg: 'Reconciliation: resolved', kind, object_type, count: resolved });
  }

  /**
   * What is open about such objects, page by page, so that each can be looked at again.
   * @param whose - of this provider and mode alone: of no other can it be asked.
   */
  async *open(object_type: ObjectType, whose: GatewayConfig | null = null): AsyncGenerator<OpenItem> {
    let after: string | null = null;
    for (;;) {
      const page: OpenItem[] = await this.page(object_type, after, whose);
      yield* page;
      after = page.at(-1)?.id ?? null;
      if (page.length < PAGE) return;
    }
  }

  private tell(object: ItemObject, { kind }: Finding): void {
    const { object_type, object_id, payment_id, tenant_id, provider_object_id } = object;
    const what = { object_type, object_id, payment_id, tenant_id, provider_object_id };
    this.logger.error({ msg: `Reconciliation: ${kind}`, ...what });
  }

  private page(object_type: ObjectType, after: string | null, whose: GatewayConfig | null): Promise<OpenItem[]> {
    return this.asSystem(() => this.items.open(object_type, after, PAGE, whose));
  }

  private asSystem<T>(work: () => Promise<T>): Promise<T> {
    return this.database.asSystem(work);
  }
}
