import { NotFoundError, ValidationError } from '../../common/service-error.js';

export class ApiKeyNotFoundError extends NotFoundError {
  static override readonly code = 'api_key_not_found';
  static override readonly title = 'There is no such API key';
}

/** @see {@link ApiKeysService.create} */
export const tooManyKeys = (most: number): ValidationError =>
  new ValidationError([
    { pointer: '#', code: 'too_many', message: `would be more than ${most} keys: delete one first` },
  ]);

export const beyondRights = (): ValidationError =>
  new ValidationError([{ pointer: '#/scopes', code: 'beyond_rights', message: 'must not go beyond your own rights' }]);

export const inThePast = (): ValidationError =>
  new ValidationError([{ pointer: '#/expires_at', code: 'future', message: 'must be in the future' }]);
