import { Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { MailModule } from '../mail/mail.module.js';
import { TenantsModule } from '../tenants/tenants.module.js';
import { UsersModule } from '../users/users.module.js';
import { Accounts } from './accounts.js';
import { ApiKey } from './api-keys/api-key.entity.js';
import { ApiKeysController } from './api-keys/api-keys.controller.js';
import { ApiKeysRepository } from './api-keys/api-keys.repository.js';
import { ApiKeysService } from './api-keys/api-keys.service.js';
import { SeenKeys } from './api-keys/seen-keys.js';
import { AuthController } from './auth.controller.js';
import { AuthGuard } from './auth.guard.js';
import { AuthService } from './auth.service.js';
import { Challenge } from './challenges/challenge.entity.js';
import { ChallengesRepository } from './challenges/challenges.repository.js';
import { ChallengesService } from './challenges/challenges.service.js';
import { Identities } from './identities.js';
import { Enrolment } from './mfa/enrolment.js';
import { MfaResetService } from './mfa/mfa-reset.service.js';
import { MfaSwitch } from './mfa/mfa-switch.js';
import { MfaController, MfaResetController } from './mfa/mfa.controller.js';
import { MfaRepository } from './mfa/mfa.repository.js';
import { MfaService } from './mfa/mfa.service.js';
import { RecoveryCode } from './mfa/recovery-code.entity.js';
import { SecondFactor } from './mfa/second-factor.js';
import { TotpFactor } from './mfa/totp-factor.entity.js';
import { Reauthentication } from './reauthentication.js';
import { RefusalsInterceptor } from './refusals.interceptor.js';
import { RefreshCookie } from './sessions/refresh-cookie.js';
import { RefreshTokens } from './sessions/refresh-tokens.js';
import { TokenOwners } from './sessions/token-owners.js';
import { RefreshService } from './sessions/refresh.service.js';
import { Session } from './sessions/session.entity.js';
import { SessionsController } from './sessions/sessions.controller.js';
import { SessionsRepository } from './sessions/sessions.repository.js';
import { SessionsService } from './sessions/sessions.service.js';
import { StolenTokens } from './sessions/stolen-tokens.js';
import { TokenAnswers } from './sessions/token-answers.js';
import { TokensController } from './sessions/tokens.controller.js';
import { Tokens } from './tokens.js';

/** Registers the guard that closes every route which does not say otherwise. */
@Module({
  imports: [
    TypeOrmModule.forFeature([ApiKey, Challenge, RecoveryCode, Session, TotpFactor]),
    JwtModule.register({}),
    AuditModule,
    MailModule,
    TenantsModule,
    UsersModule,
  ],
  controllers: [
    ApiKeysController,
    AuthController,
    MfaController,
    MfaResetController,
    SessionsController,
    TokensController,
  ],
  providers: [
    Accounts,
    ApiKeysRepository,
    ApiKeysService,
    AuthService,
    ChallengesRepository,
    ChallengesService,
    Enrolment,
    Identities,
    MfaRepository,
    MfaResetService,
    MfaService,
    MfaSwitch,
    Reauthentication,
    RefreshCookie,
    RefreshService,
    RefreshTokens,
    TokenOwners,
    RefusalsInterceptor,
    SecondFactor,
    SeenKeys,
    SessionsRepository,
    SessionsService,
    StolenTokens,
    TokenAnswers,
    Tokens,
    { provide: APP_GUARD, useClass: AuthGuard },
    { provide: APP_INTERCEPTOR, useExisting: RefusalsInterceptor },
  ],
  exports: [Accounts, Reauthentication, SessionsService],
})
export class AuthModule {}
