import { Module } from '@nestjs/common';
import { MailDelivery } from './mail.delivery.js';
import { MailProcessor } from './mail.processor.js';
import { MailService } from './mail.service.js';
import { SmtpTransport } from './smtp.transport.js';

@Module({
  providers: [MailDelivery, MailService, SmtpTransport],
  exports: [MailService],
})
export class MailModule {}

/** Consumes the queue, in whichever process has this module. */
@Module({ providers: [MailProcessor] })
export class MailProcessorModule {}
