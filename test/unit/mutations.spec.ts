import { MUTATIONS } from '../../bin/guards.mjs';
import { projectFile } from '../support/compose.js';

describe('npm run test:mutations', () => {
  it.each(MUTATIONS)('has something to take away: $guard', ({ file, from, to }) => {
    const text = projectFile(file);

    expect(text.replace(from, to)).not.toBe(text);
  });
});
