import { describe, expect, it } from 'vitest';
import { chooseDomain } from '../../../../src/server/engine/domains.js';

const NOW = 1_000_000;

describe('chooseDomain', () => {
  it.each<[Record<string, string>, polled: Record<string, number>, string | undefined]>([
    [{}, {}, undefined],
    [{ '*': 'd1' }, {}, 'd1'],
    [{ '*': 'd1', type: 'd2' }, {}, 'd2'],
    [{ other: 'd1' }, {}, undefined],
    [{ type: 'd1,d2' }, {}, 'd2'],
    [{ type: 'd1, d2' }, { d1: NOW - 9999 }, 'd1'],
    [{ type: 'd1,d2' }, { d1: NOW - 10_000 }, 'd2'],
    [{ type: 'd1,NO_DOMAIN' }, {}, undefined],
    [{ type: 'd1,NO_DOMAIN' }, { d1: NOW }, 'd1'],
    [{ type: 'NO_DOMAIN,d1' }, {}, 'd1'],
  ])('%j with polls at %j gives %s', (taskToDomain, polled, expected) => {
    const chosen = chooseDomain(taskToDomain, 'type', NOW, (domain) => {
      const lastPollTime = polled[domain];
      return lastPollTime === undefined ? undefined : { queueName: 'type', domain, lastPollTime };
    });
    expect(chosen).toBe(expected);
  });
});
