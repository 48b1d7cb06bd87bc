import { applyDecorators, Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '../common/access.js';
import { Settings } from '../config/settings.js';
import { PAGE_POLICY, pageOf } from './page.js';
import { SCRIPT } from './page.script.js';
import { STYLE } from './page.style.js';

const Page = (path: string): MethodDecorator =>
  applyDecorators(
    Get(path),
    Header('content-type', 'text/html; charset=utf-8'),
    Header('content-security-policy', PAGE_POLICY),
  );

/**
 * What mailed links lead to, unless ACCOUNT_URL names a front end. Pages are nobody's programs: they are left out of the
 * document of the API.
 */
@ApiExcludeController()
@Controller('account')
@Public('ignored')
export class AccountController {
  constructor(private readonly settings: Settings) {}

  @Page('verify-email')
  verifyEmail(): string {
    return pageOf('verify-email', this.settings);
  }

  @Page('reset-password')
  resetPassword(): string {
    return pageOf('reset-password', this.settings);
  }

  @Page('invitation')
  invitation(): string {
    return pageOf('invitation', this.settings);
  }

  @Page('export')
  export(): string {
    return pageOf('export', this.settings);
  }

  @Get('page.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  script(): string {
    return SCRIPT;
  }

  @Get('page.css')
  @Header('content-type', 'text/css; charset=utf-8')
  style(): string {
    return STYLE;
  }
}
