import { ApiProperty } from '@nestjs/swagger';
import { Text } from '../../common/fields.js';
import { MfaCode, Password } from '../auth.dto.js';

export class TotpRequest {
  @Password()
  password!: string;
}

export class TotpResponse {
  @ApiProperty({ description: 'For typing, in base32', example: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' })
  readonly secret!: string;

  @ApiProperty({
    format: 'uri',
    description: 'For a QR code',
    example:
      'otpauth://totp/Omni:ada%40example.com?issuer=Omni&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&algorithm=SHA1&digits=6&period=30',
  })
  readonly otpauth_url!: string;
}

export class TotpConfirmation {
  @Text({ min: 1, max: 64, description: 'Of the authenticator app', example: '123456' })
  code!: string;
}

export class MfaProof extends TotpRequest {
  @MfaCode()
  code!: string;
}

export class RecoveryCodesResponse {
  @ApiProperty({
    type: [String],
    description: 'Each stands in once for the authenticator app; they are shown this once',
    example: ['ABCD-EFGH-IJKL-MNOP'],
  })
  readonly recovery_codes!: string[];
}
