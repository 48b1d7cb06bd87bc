import { MODES, modeOf, type Mode } from '../../src/config/mode.js';

const flags = (RUN_AS_INTERNAL: boolean, OMNI_MINIMAL: boolean) => modeOf({ RUN_AS_INTERNAL, OMNI_MINIMAL }).name;

it.each<[name: keyof typeof MODES, switches: Partial<Mode>]>([
  ['standalone', { docs: true, cors: true, client_address: 'socket', redis: true }],
  ['internal', { docs: false, cors: false, client_address: 'forwarded', redis: true }],
  ['minimal', { docs: false, cors: true, client_address: 'socket, or forwarded if CIDRs are given', redis: false }],
])('%s mode switches exactly what the design says', (name, switches) => {
  expect(MODES[name]).toEqual({ name, purpose: expect.any(String), ...switches });
});

it('is standalone unless a flag says otherwise', () => {
  expect(flags(false, false)).toBe('standalone');
  expect(flags(true, false)).toBe('internal');
  expect(flags(false, true)).toBe('minimal');
});
