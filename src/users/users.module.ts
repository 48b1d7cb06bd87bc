import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { TenantsModule } from '../tenants/tenants.module.js';
import { AccountChanges } from './account-changes.js';
import { Authority } from './authority.js';
import { InterventionsController } from './interventions/interventions.controller.js';
import { InterventionsService } from './interventions/interventions.service.js';
import { FirstAdmin } from './newcomers/first-admin.js';
import { Newcomers } from './newcomers/newcomers.js';
import { Passwords } from './passwords.js';
import { CommonPasswords } from './passwords/common-passwords.js';
import { Profiles } from './profiles/profiles.js';
import { UsersController } from './users.controller.js';
import { UsersService } from './users.service.js';

/** The rules. Where the users live is `UsersStoreModule`'s affair. */
@Module({
  imports: [AuditModule, TenantsModule],
  controllers: [UsersController, InterventionsController],
  providers: [
    AccountChanges,
    Authority,
    CommonPasswords,
    FirstAdmin,
    InterventionsService,
    Newcomers,
    Passwords,
    Profiles,
    UsersService,
  ],
  exports: [AccountChanges, Authority, Newcomers, Passwords],
})
export class UsersModule {}
