import { Module } from '@nestjs/common';
import { AccountController } from './account.controller.js';

/** The pages behind mailed links. They stand beside the API and know no more of it than any other client. */
@Module({ controllers: [AccountController] })
export class AccountModule {}
