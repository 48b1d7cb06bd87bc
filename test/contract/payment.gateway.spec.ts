import { PaymentGateway } from '../../src/payments/gateways/payment.gateway.js';
import { SimulatorService } from '../../src/payments/simulator/simulator.service.js';
import { startApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { paymentGatewayContract } from './payment.gateway.contract.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

describe('the simulator', () => {
  paymentGatewayContract({
    gateway: () => app.app.get(PaymentGateway, { strict: false }),
    methods: {
      success: 'pm_card_visa',
      declined: 'pm_card_visa_chargeDeclined',
      authenticate: 'pm_sim_3ds_required',
      slowRefund: 'pm_card_pendingRefund',
    },
    loseNextAnswer: (operation) =>
      app.app.get(SimulatorService, { strict: false }).order({ operation, fault: 'half_response', next_n: 1 }),
    dispute: async (pay) => {
      const { provider_payment_id } = await pay('pm_card_createDispute');
      return eventually(async () => {
        const [row] = await app.sql('SELECT id FROM simulator.disputes WHERE charge_id = $1 AND status IS NOT NULL', [
          provider_payment_id,
        ]);
        return (row?.id as string | undefined) ?? false;
      });
    },
  });
});
