import { databaseContext, scopeSql, withContext, type Scope } from '../../src/database/scope.js';
import { withRequestContext, type RequestContext } from '../../src/common/request-context.js';

const TENANT = '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c';

const request = (principal?: Partial<RequestContext['principal']>): RequestContext => ({
  request_id: 'r',
  ip: '127.0.0.1',
  ...(principal && { principal: principal as RequestContext['principal'] }),
});

describe('scopeSql()', () => {
  it.each<[what: string, scope: Scope, tenant: string, system: string]>([
    ['one tenant', { tenant_id: TENANT }, TENANT, ''],
    ['the system', 'system', '', 'on'],
    ['nothing', 'none', '', ''],
  ])('says both settings, until the transaction ends, for %s', (_, scope, tenant, system) => {
    expect(scopeSql(scope)).toBe(
      `SELECT set_config('app.tenant_id', '${tenant}', true), set_config('app.system', '${system}', true)`,
    );
  });

  it.each([`'`, `${TENANT}'; DROP TABLE users; --`, TENANT.slice(1), `${TENANT}\n`, 'default'])(
    'refuses %j as a tenant',
    (tenant_id) => {
      expect(() => scopeSql({ tenant_id })).toThrow('A tenant id must be a UUID');
    },
  );
});

describe('databaseContext()', () => {
  it('sees nothing where nobody asks', () => {
    expect(databaseContext()).toEqual({ scope: 'none' });
  });

  it('sees nothing on behalf of a stranger', () => {
    expect(withRequestContext(request(), databaseContext)).toEqual({ scope: 'none' });
  });

  it('sees the tenant of whoever asks, a platform admin too', () => {
    const asked = withRequestContext(request({ tenant_id: TENANT, role: 'platform_admin' }), databaseContext);

    expect(asked).toEqual({ scope: { tenant_id: TENANT } });
  });

  it('puts what was entered by name first, for all that is awaited within, and for nothing else', async () => {
    const inside = withRequestContext(request({ tenant_id: TENANT }), () =>
      withContext({ scope: 'system' }, async () => {
        await Promise.resolve();
        return databaseContext();
      }),
    );

    expect(databaseContext()).toEqual({ scope: 'none' });
    expect(await inside).toEqual({ scope: 'system' });
    expect(databaseContext()).toEqual({ scope: 'none' });
  });
});
