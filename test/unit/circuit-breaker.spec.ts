import { setTimeout as sleep } from 'node:timers/promises';
import { CircuitBreaker } from '../../src/common/circuit-breaker.js';

class Away extends Error {}
class Refused extends Error {}

const AN_AGE = 60_000;
const breaker = (pause_ms = AN_AGE): CircuitBreaker =>
  new CircuitBreaker(
    2,
    pause_ms,
    (error) => error instanceof Away,
    () => new Refused(),
  );
const fails = () => Promise.reject(new Away());
const says = (word: string) => jest.fn(() => Promise.resolve(word));

describe('CircuitBreaker', () => {
  it('gives back what the work gave, and throws what it threw', async () => {
    const whole = breaker();
    await expect(whole.run(says('yes'))).resolves.toBe('yes');
    await expect(whole.run(fails)).rejects.toThrow(Away);
  });

  it('begins no work after so many failures in a row', async () => {
    const broken = breaker();
    for (let time = 0; time < 2; time++) await expect(broken.run(fails)).rejects.toThrow(Away);
    const work = says('yes');

    await expect(broken.run(work)).rejects.toThrow(Refused);
    expect(work).not.toHaveBeenCalled();
  });

  it.each<[string, () => Promise<unknown>]>([
    ['an answer', says('yes')],
    ['a no', () => Promise.reject(new RangeError())],
  ])('counts anew after %s', async (_, between) => {
    const whole = breaker();
    await expect(whole.run(fails)).rejects.toThrow(Away);
    await whole.run(between).catch(() => undefined);
    await expect(whole.run(fails)).rejects.toThrow(Away);
    await expect(whole.run(says('yes'))).resolves.toBe('yes');
  });

  it('lets one try after the pause: by its failure it is broken again', async () => {
    const broken = breaker(1_000);
    for (let time = 0; time < 2; time++) await expect(broken.run(fails)).rejects.toThrow(Away);
    await sleep(1_050);
    const trial = broken.run(fails);
    await expect(broken.run(says('yes'))).rejects.toThrow(Refused);
    await expect(trial).rejects.toThrow(Away);
    await expect(broken.run(says('yes'))).rejects.toThrow(Refused);
  });

  it('is whole again when the one that tried has an answer, even if that is a no', async () => {
    for (const answer of [says('yes'), () => Promise.reject(new RangeError())]) {
      const broken = breaker(30);
      for (let time = 0; time < 2; time++) await expect(broken.run(fails)).rejects.toThrow(Away);
      await sleep(40);
      await broken.run(answer).catch(() => undefined);
      await expect(Promise.all([broken.run(says('a')), broken.run(says('b'))])).resolves.toEqual(['a', 'b']);
    }
  });
});
