import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../../audit/audit.module.js';
import { MailModule } from '../../mail/mail.module.js';
import { UsersModule } from '../users.module.js';
import { Acceptance } from './acceptance.js';
import { InvitationMails } from './invitation-mails.js';
import { Invitation } from './invitation.entity.js';
import { InvitationsController } from './invitations.controller.js';
import { InvitationsRepository } from './invitations.repository.js';
import { InvitationsService } from './invitations.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Invitation]), AuditModule, MailModule, UsersModule],
  controllers: [InvitationsController],
  providers: [Acceptance, InvitationMails, InvitationsRepository, InvitationsService],
})
export class InvitationsModule {}
