import { parseRedisUrl, type RedisPlace } from '../../src/config/redis-url.js';
import { mistakes } from '../support/mistakes.js';

const BEGINS =
  'must be a URL that begins with redis:// or rediss:// or redis+sentinel:// or rediss+sentinel:// or redis+cluster:// or rediss+cluster://';

describe('the URL of a Redis', () => {
  it.each<[url: string, place: RedisPlace]>([
    ['redis://cache', { kind: 'server', url: 'redis://cache' }],
    ['rediss://u:p%40ss@cache:6380/2', { kind: 'server', url: 'rediss://u:p%40ss@cache:6380/2' }],
    [
      'redis+sentinel://ada:p%40ss@a.example.com:26379,10.0.0.2:5000,[::1]/primary/3',
      {
        kind: 'sentinel',
        nodes: [
          { host: 'a.example.com', port: 26_379 },
          { host: '10.0.0.2', port: 5_000 },
          { host: '::1', port: 26_379 },
        ],
        master: 'primary',
        db: 3,
        username: 'ada',
        password: 'p@ss',
        tls: false,
      },
    ],
    [
      'rediss+sentinel://:pw@a,b/primary?sentinel_username=watch&sentinel_password=dog',
      {
        kind: 'sentinel',
        nodes: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 26_379 },
        ],
        master: 'primary',
        db: 0,
        password: 'pw',
        tls: true,
        sentinel_username: 'watch',
        sentinel_password: 'dog',
      },
    ],
    [
      'redis+cluster://a:7000,b',
      {
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 7_000 },
          { host: 'b', port: 6_379 },
        ],
        tls: false,
      },
    ],
    [
      'rediss+cluster://u:p@a/0',
      { kind: 'cluster', nodes: [{ host: 'a', port: 6_379 }], username: 'u', password: 'p', tls: true },
    ],
  ])('%s is understood', (url, place) => {
    expect(parseRedisUrl(url)).toEqual(place);
    expect(mistakes({ REDIS_URL: url })).toEqual([]);
  });

  const HOSTS = 'must name hosts by comma, each host or host:port';
  const PRIMARY = 'must name the primary as its sentinels do, then the database: /name or /name/0';
  it.each([
    ['localhost:6379', BEGINS],
    ['http://cache', BEGINS],
    ['redis+unix://cache', BEGINS],
    ['redis://a,b', 'must name one host; several are those of sentinels or of a cluster'],
    ['redis://', 'must name one host; several are those of sentinels or of a cluster'],
    ['redis://cache/first', 'must name its database by a number, or none'],
    ['redis+sentinel://a,b', PRIMARY],
    ['redis+sentinel://a/0/primary/x', PRIMARY],
    ['redis+sentinel:///primary', HOSTS],
    ['redis+sentinel://a,,b/primary', HOSTS],
    ['redis+sentinel://a:0,b:70000/primary', 'must name ports from 1 to 65535'],
    [
      'redis+sentinel://a/primary?role=replica',
      'must have no options but sentinel_username and sentinel_password, each once',
    ],
    ['redis+sentinel://u:%zz@a/primary', 'must percent-encode what is no plain letter in user or password'],
    ['redis+cluster://a/1', 'must name no database: a cluster has only 0'],
    ['redis+cluster://a?x=1', 'must have no options'],
    ['redis+sentinel://a:x,b:0', `${HOSTS}; it must name ports from 1 to 65535; it ${PRIMARY}`],
  ])('%s is refused: all that is wrong with it is said at once', (url, mistake) => {
    expect(mistakes({ REDIS_URL: url })).toEqual([`REDIS_URL ${mistake}`]);
  });

  it('is nowhere in what is said about it, nor is its password', () => {
    const said = mistakes({
      REDIS_URL: 'redis+sentinel://u:hunter2%@ho st/p?hunter2=1',
      REDIS_CACHE_URL: 'redis://:hunter2@',
    });

    expect(said).toHaveLength(2);
    expect(said.join()).not.toMatch(/hunter2|ho st/);
  });
});
