import { NotFoundError } from '../../common/service-error.js';

export class InvitationNotFoundError extends NotFoundError {
  static override readonly code = 'invitation_not_found';
  static override readonly title = 'There is no such invitation, or it is pending no more';

  constructor(id: string) {
    super(`Invitation ${id} not found`);
  }
}
