import { Email, Text } from '../../common/fields.js';
import { MfaCode, Password } from '../auth.dto.js';
import { LinkToken } from '../email/email.dto.js';

const NewPassword = (): PropertyDecorator =>
  Text({
    min: 8,
    max: 128,
    format: 'password',
    description: 'The new one; not one of those that everybody tries first',
    example: 'correct horse battery staple',
  });

export class PasswordForgot {
  @Email({ description: 'In any case' })
  email!: string;
}

export class PasswordReset {
  @LinkToken()
  token!: string;

  @NewPassword()
  password!: string;
}

export class PasswordChange {
  @Password()
  current_password!: string;

  @NewPassword()
  new_password!: string;

  @MfaCode({ optional: true })
  code?: string;
}
