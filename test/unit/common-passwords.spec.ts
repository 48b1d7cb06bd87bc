import { readSettings } from '../../src/config/read-settings.js';
import { CommonPasswords, type PasswordOwner } from '../../src/users/passwords/common-passwords.js';
import { PasswordTooCommonError } from '../../src/users/users.errors.js';

const listOf = (settings = {}) => new CommonPasswords(readSettings({ APP_NAME: 'Omni Accounts', ...settings }));
const ADA: PasswordOwner = { email: 'ada.lovelace@example.com', username: 'Ada_Lovelace' };

const refuses = (list: CommonPasswords, password: string, owner?: PasswordOwner): boolean => {
  try {
    list.assertUncommon(password, owner);
    return false;
  } catch (error) {
    if (error instanceof PasswordTooCommonError) return true;
    throw error;
  }
};

describe('PASSWORD_LIST=standard', () => {
  const standard = listOf();

  it('is the default, and knows at least 3,000 passwords that are long enough (SEC-05)', () => {
    expect(standard.size).toBeGreaterThanOrEqual(3_000);
  });

  it.each(['password', '12345678', 'password123', 'qwertyuiop', 'iloveyou', 'trustno1'])('refuses %s', (password) => {
    expect(refuses(standard, password)).toBe(true);
  });

  it.each(['Password123', 'PASSWORD', 'password ', 'correct horse battery staple', 'парольпароль'])(
    'takes %s, which is not written like that in the list',
    (password) => {
      expect(refuses(standard, password)).toBe(false);
    },
  );

  it.each(['ada.lovelace@example.com', 'ADA.LOVELACE@EXAMPLE.COM', 'Ada.Lovelace', 'ada_lovelace', 'omni ACCOUNTS'])(
    "refuses the account's own names and ours, in any case: %s",
    (password) => {
      expect(refuses(standard, password, ADA)).toBe(true);
    },
  );

  it('takes what only contains one, and what is somebody else’s', () => {
    expect(refuses(standard, 'ada_lovelace and more', ADA)).toBe(false);
    expect(refuses(standard, 'ada_lovelace')).toBe(false);
  });
});

describe('PASSWORD_LIST=strict', () => {
  const strict = listOf({ PASSWORD_LIST: 'strict' });

  it.each(['password123', 'Password123', 'PASSWORD', 'QwertyUiop'])('refuses %s, in any case', (password) => {
    expect(refuses(strict, password)).toBe(true);
  });

  it.each(['my Ada.Lovelace password', 'xxADA_LOVELACExx', 'omni accounts 2026'])(
    'refuses what contains a name: %s',
    (password) => {
      expect(refuses(strict, password, ADA)).toBe(true);
    },
  );

  it('takes what contains a name that is hardly one', () => {
    expect(refuses(strict, 'a passphrase of mine', { email: 'a@example.com', username: 'pas' })).toBe(false);
  });
});

describe('PASSWORD_LIST=off', () => {
  it('refuses nothing', () => {
    const off = listOf({ PASSWORD_LIST: 'off' });

    for (const password of ['password', 'ada_lovelace']) expect(refuses(off, password, ADA)).toBe(false);
  });
});
