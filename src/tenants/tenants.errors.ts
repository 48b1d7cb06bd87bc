import { ConflictError, NotFoundError } from '../common/service-error.js';
import { RaisedBy } from '../database/constraints.js';

export class TenantNotFoundError extends NotFoundError {
  static override readonly code = 'tenant_not_found';
  static override readonly title = 'There is no such tenant';

  constructor(id: string) {
    super(`Tenant ${id} not found`);
  }
}

@RaisedBy('tenants_name_key')
export class TenantNameTakenError extends ConflictError {
  static override readonly code = 'tenant_name_taken';
  static override readonly title = 'Another tenant has this name';
}

export class LastAdminError extends ConflictError {
  static override readonly code = 'last_admin';
  static override readonly title = 'Somebody must stay in charge';
}
