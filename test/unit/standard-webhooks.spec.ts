import { waitAfter } from '../../src/webhooks/deliveries/patience.js';
import { Timings } from '../../src/config/timings.js';
import { EVENT_TYPES, subscriptionsTo } from '../../src/webhooks/event-types.js';
import { signedHeaders } from '../../src/webhooks/standard-webhooks.js';

describe('a signature of Standard Webhooks', () => {
  const secret = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
  const body = Buffer.from('{"test": 2432232314}');

  it('is the one of the reference libraries, which they have in their own tests', () => {
    expect(signedHeaders('msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, body, [secret])).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('stands beside another one while secrets are rotated', () => {
    const { 'webhook-signature': both } = signedHeaders('evt', 1, body, [secret, Buffer.from('another')]);

    expect(both).toMatch(/^v1,[\w+/]{43}= v1,[\w+/]{43}=$/);
  });
});

describe('the patience with a receiver', () => {
  const { webhook_backoff_ms: waits } = new Timings();

  it('lasts for three days, a tenth more or less, and is at an end then', () => {
    const sum = (random: number) =>
      waits.reduce((all, _, at) => all + waitAfter(at + 1, waits, random)!, 0) / 3_600_000;

    expect([sum(0), sum(0.5), sum(1)].map(Math.round)).toEqual([68, 76, 83]);
    expect(waitAfter(1, waits, 0.5)).toBe(5_000);
    expect(waitAfter(waits.length + 1, waits)).toBeNull();
  });
});

describe('the types of events', () => {
  it.each(EVENT_TYPES)('%s is heard of by its name and by its family', (type) => {
    expect(subscriptionsTo(type)).toEqual([type, `${type.split('.')[0]}.*`]);
  });

  it.each(['payment.requires_confirmation', 'user.created', 'payment.*', ''])('"%s" is none', (type) => {
    expect(subscriptionsTo(type)).toEqual([]);
  });
});
