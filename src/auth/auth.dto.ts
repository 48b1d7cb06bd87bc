import { ApiProperty } from '@nestjs/swagger';
import { Email, Flag, OneOf, Text } from '../common/fields.js';

const EXAMPLE_REFRESH_TOKEN = 'AZr-cC6HfmSlQyHQ0D8e0nRoaXMtaXMtbm8tcmVhbC10b2tlbi1hdC1hbGwtb25lYW5kLW5vLW1hcmstdG9v';

/** Of every request that opens a session. */
export const Cookie = (): PropertyDecorator =>
  Flag({
    optional: true,
    description: 'Whether the refresh token goes into a cookie that no script can read, instead of the body',
    example: false,
  });

/** A password that is to be compared, and not kept. */
export const Password = (): PropertyDecorator =>
  Text({ min: 1, max: 128, format: 'password', description: 'The whole of it counts', example: 'Password123' });

/** What proves a second factor. */
export const MfaCode = ({ optional = false } = {}): PropertyDecorator =>
  Text({
    min: 1,
    max: 64,
    optional,
    description: `${optional ? 'Wanted where there is a second factor: of' : 'Of'} the authenticator app, or a recovery code`,
    example: '123456',
  });

export class LoginRequest {
  @Email({ description: 'In any case' })
  email!: string;

  @Password()
  password!: string;

  @Cookie()
  cookie?: boolean;
}

export class RefreshRequest {
  @Text({
    max: 512,
    optional: true,
    description: 'As the login or the refresh before gave it; without it, the cookie counts',
    example: EXAMPLE_REFRESH_TOKEN,
  })
  refresh_token?: string;
}

/** Of every answer that may give the refresh token in a cookie, or take it back. */
export const SET_COOKIE = { 'Set-Cookie': { $ref: '#/components/headers/Set-Cookie' } };

export class MfaLoginRequest {
  @Text({
    min: 1,
    max: 128,
    description: 'As the login gave it',
    example: 'Jm5vdGhpbmcgdG8gc2VlIGhlcmUsIG1vdmUgYWxvbmc',
  })
  mfa_token!: string;

  @MfaCode()
  code!: string;

  @Cookie()
  cookie?: boolean;
}

export class ReauthRequest {
  @Password()
  password!: string;

  @MfaCode({ optional: true })
  code?: string;
}

export class TokenResponse {
  @ApiProperty({
    description: 'A JWT, for the Authorization header',
    example: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2ln',
  })
  readonly access_token!: string;

  @ApiProperty({ enum: ['Bearer'], example: 'Bearer' })
  readonly token_type!: 'Bearer';

  @ApiProperty({ type: 'integer', description: 'In seconds', example: 1800 })
  readonly expires_in!: number;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Good once: for the next access token and the next of its kind. Null where it is in the cookie',
    example: EXAMPLE_REFRESH_TOKEN,
  })
  readonly refresh_token!: string | null;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'In seconds, until the session is over unless it is refreshed. Null where the token is in the cookie',
    example: 604_800,
  })
  readonly refresh_expires_in!: number | null;
}

export class MfaRequiredResponse {
  @ApiProperty({ enum: [true], example: true })
  readonly mfa_required!: true;

  @ApiProperty({
    description: 'For the second step. It is no identity',
    example: 'Jm5vdGhpbmcgdG8gc2VlIGhlcmUsIG1vdmUgYWxvbmc',
  })
  readonly mfa_token!: string;

  @ApiProperty({ type: 'integer', description: 'In seconds', example: 300 })
  readonly expires_in!: number;
}

export const LOGOUT_SCOPES = ['local', 'others', 'global'] as const;

export class LogoutRequest {
  @OneOf(LOGOUT_SCOPES, {
    optional: true,
    description: 'This session (`local`, the default), all but this one, or all',
    example: 'local',
  })
  scope?: (typeof LOGOUT_SCOPES)[number];
}
