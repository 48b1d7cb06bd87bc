import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MailModule } from '../mail/mail.module.js';
import { TenantsModule } from '../tenants/tenants.module.js';
import { UsersModule } from '../users/users.module.js';
import { AuthModule } from './auth.module.js';
import { AccountLetters } from './email/account-letters.js';
import { AddressChangeService } from './email/address-change.service.js';
import { EmailController } from './email/email.controller.js';
import { EmailService } from './email/email.service.js';
import { OneTimeTokenRow } from './one-time-tokens/one-time-token.entity.js';
import { OneTimeTokensRepository } from './one-time-tokens/one-time-tokens.repository.js';
import { OneTimeTokensService } from './one-time-tokens/one-time-tokens.service.js';
import { PasswordChangeService } from './password/password-change.service.js';
import { PasswordResetService } from './password/password-reset.service.js';
import { PasswordController } from './password/password.controller.js';
import { RecoveryDelivery } from './recovery/recovery.delivery.js';
import { RecoveryProcessor } from './recovery/recovery.processor.js';
import { RecoveryService } from './recovery/recovery.service.js';

/** Addresses that are verified and changed, passwords that are lost and changed: what goes by mailed links. */
@Module({
  imports: [TypeOrmModule.forFeature([OneTimeTokenRow]), AuthModule, MailModule, TenantsModule, UsersModule],
  controllers: [EmailController, PasswordController],
  providers: [
    AccountLetters,
    AddressChangeService,
    EmailService,
    OneTimeTokensRepository,
    OneTimeTokensService,
    PasswordChangeService,
    PasswordResetService,
    RecoveryDelivery,
    RecoveryService,
  ],
})
export class LinksModule {}

/** Consumes the queue, in whichever process has this module. */
@Module({ providers: [RecoveryProcessor] })
export class RecoveryProcessorModule {}
