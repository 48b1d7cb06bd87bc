import { Bulkhead } from '../../src/common/bulkhead.js';

class TooLong extends Error {}

const AN_AGE = 60_000;

/** Work that says when it began and ends when it is told to. */
function task() {
  let end!: (value?: unknown) => void;
  let fail!: (error: Error) => void;
  const result = new Promise((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  const work = jest.fn(() => result);
  return { work, end, fail };
}

const bulkhead = (places: number, wait_ms = AN_AGE) => new Bulkhead(places, wait_ms, () => new TooLong());

describe('Bulkhead', () => {
  it('lets so many run at once, and the next when one has ended', async () => {
    const limited = bulkhead(2);
    const tasks = [task(), task(), task()];
    const results = tasks.map(({ work }) => limited.run(work));
    expect(tasks.map(({ work }) => work.mock.calls.length)).toEqual([1, 1, 0]);

    tasks[0]!.end('first');
    await results[0];

    expect(tasks.map(({ work }) => work.mock.calls.length)).toEqual([1, 1, 1]);
    tasks.forEach(({ end }) => end());
    await Promise.all(results);
  });

  it('lets them in in the order in which they came', async () => {
    const limited = bulkhead(1);
    const order: number[] = [];
    const runs = Array.from({ length: 10 }, (_, index) => limited.run(async () => order.push(index)));
    await Promise.all(runs);

    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('gives back what the work gave, and throws what it threw', async () => {
    const limited = bulkhead(1);

    await expect(limited.run(async () => 'done')).resolves.toBe('done');
    await expect(limited.run(() => Promise.reject(new RangeError()))).rejects.toThrow(RangeError);
  });

  it('takes the place back from work that fails', async () => {
    const limited = bulkhead(1);
    const [failing, next] = [task(), task()];
    const failed = limited.run(failing.work);
    const waiting = limited.run(next.work);

    failing.fail(new RangeError());
    await expect(failed).rejects.toThrow(RangeError);
    next.end('next');

    await expect(waiting).resolves.toBe('next');
  });

  it('tells those who waited too long so, and never begins their work', async () => {
    const limited = bulkhead(1, 20);
    const [slow, late] = [task(), task()];
    const running = limited.run(slow.work);

    await expect(limited.run(late.work)).rejects.toThrow(TooLong);
    slow.end();
    await running;

    expect(late.work).not.toHaveBeenCalled();
    await expect(limited.run(async () => 'free again')).resolves.toBe('free again');
  });

  it('forgets only the one whose time is over', async () => {
    const limited = bulkhead(1, 100);
    const [slow, patient] = [task(), task()];
    const running = limited.run(slow.work);
    const gaveUp = limited.run(task().work);
    await expect(gaveUp).rejects.toThrow(TooLong);
    const waiting = limited.run(patient.work);

    slow.end();
    patient.end('came last');

    await expect(waiting).resolves.toBe('came last');
    await running;
  });
});
