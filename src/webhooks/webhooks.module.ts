import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { UsersModule } from '../users/users.module.js';
import { Courier } from './deliveries/courier.js';
import { CourierRepository } from './deliveries/courier.repository.js';
import { WebhookDeliveriesController } from './deliveries/deliveries.controller.js';
import { WebhookDeliveriesRepository } from './deliveries/deliveries.repository.js';
import { WebhookDeliveriesService } from './deliveries/deliveries.service.js';
import { Letters } from './deliveries/letters.js';
import { OutgoingEvents } from './deliveries/outgoing-events.js';
import { WebhookDelivery } from './deliveries/webhook-delivery.entity.js';
import { WebhooksWorker } from './deliveries/webhooks.worker.js';
import { EndpointDecisions } from './endpoint-decisions.js';
import { EndpointSecrets } from './endpoint-secrets.js';
import { WebhookEndpointsController } from './endpoints.controller.js';
import { WebhookEndpointsRepository } from './endpoints.repository.js';
import { WebhookEndpointsService } from './endpoints.service.js';
import { Names } from './targets/names.js';
import { Sender } from './targets/sender.js';
import { Targets } from './targets/targets.js';
import { WebhookEndpoint } from './webhook-endpoint.entity.js';

/** Tells integrators what happens to payments. */
@Module({
  imports: [TypeOrmModule.forFeature([WebhookEndpoint, WebhookDelivery]), AuditModule, UsersModule],
  controllers: [WebhookEndpointsController, WebhookDeliveriesController],
  providers: [
    WebhookEndpointsRepository,
    WebhookEndpointsService,
    EndpointDecisions,
    EndpointSecrets,
    WebhookDeliveriesRepository,
    WebhookDeliveriesService,
    OutgoingEvents,
    CourierRepository,
    Courier,
    Letters,
    Names,
    Targets,
    Sender,
  ],
  exports: [CourierRepository, Courier],
})
export class WebhooksModule {}

/** Sends them, in processes that work. */
@Module({ imports: [WebhooksModule], providers: [WebhooksWorker] })
export class WebhooksWorkerModule {}
