import { Email, Text } from '../../common/fields.js';
import { MfaCode, Password } from '../auth.dto.js';

/** What a mailed link ends in. */
export const LinkToken = (): PropertyDecorator =>
  Text({
    min: 1,
    max: 200,
    description: 'From the fragment of the mailed link',
    example: 'mYz0e1hX0sJtq4b2nC7wVQ8kR5uA3dG6fL9pT1iO2xE',
  });

export class EmailVerify {
  @LinkToken()
  token!: string;
}

export class EmailResend {
  @Email({ description: 'In any case' })
  email!: string;
}

export class EmailChange {
  @Email({ description: 'The new one; kept in lower case' })
  email!: string;

  @Password()
  password!: string;

  @MfaCode({ optional: true })
  code?: string;
}
