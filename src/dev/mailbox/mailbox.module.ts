import { Module, type DynamicModule } from '@nestjs/common';
import { Inbox } from '../inbox.js';
import { MailboxController } from './mailbox.controller.js';

/** Shows what the development inbox takes. */
@Module({ controllers: [MailboxController] })
export class MailboxModule {
  static for(inbox: Inbox): DynamicModule {
    return { module: MailboxModule, providers: [{ provide: Inbox, useValue: inbox }] };
  }
}
