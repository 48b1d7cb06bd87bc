import { Controller, Get, Header, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '../../common/access.js';
import { Inbox, type Mail } from '../inbox.js';
import { SameMachineGuard } from './mailbox.guard.js';
import { MAILBOX_PAGE, MAILBOX_POLICY } from './mailbox.page.js';

/** What the development inbox holds. */
@ApiExcludeController()
@Controller('dev')
@Public('ignored')
@UseGuards(SameMachineGuard)
export class MailboxController {
  constructor(private readonly inbox: Inbox) {}

  @Get('mailbox')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', MAILBOX_POLICY)
  page(): string {
    return MAILBOX_PAGE;
  }

  @Get('mailbox.json')
  list(): readonly Mail[] {
    return this.inbox.list();
  }
}
