import { describe, expect, it } from 'vitest';
import { untilReady } from '../../../src/orchestrator/readiness.js';
import { application } from '../../support/application-status.js';

describe('untilReady()', () => {
  it('resolves when every worker has been answered by the server', async () => {
    let looks = 0;
    await untilReady(() => application({ worker: { lastPollAt: ++looks < 3 ? 0 : 1 } }));
    expect(looks).toBe(3);
  });

  it('does not wait for the polls of a worker that is paused', async () => {
    await expect(
      untilReady(() => application({ worker: { lastPollAt: 0, isPaused: true } })),
    ).resolves.toBeUndefined();
  });

  it('gives up with the reasons', async () => {
    const silent = application({
      status: { state: 'starting' },
      worker: { lastPollAt: 0, lastPollError: 'connect ECONNREFUSED' },
    });
    await expect(untilReady(() => silent, { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'PROCESS_NOT_READY',
      message:
        'the workers were not ready within 30 ms: the orchestrator is starting; ' +
        'a:A#1: no poll of a:A has been answered: connect ECONNREFUSED',
    });
  });

  it.each(['stopping', 'stopped', 'failed'] as const)('ends when the orchestrator is %s', async (state) => {
    await expect(untilReady(() => application({ status: { state } }))).rejects.toMatchObject({
      code: 'ILLEGAL_STATE',
      message: `the workers will not poll: the orchestrator is ${state}`,
    });
  });

  it('ends by a signal', async () => {
    const waiting = new AbortController();
    const ready = untilReady(() => application({ worker: { lastPollAt: 0 } }), { signal: waiting.signal });
    waiting.abort(new Error('no longer'));
    await expect(ready).rejects.toThrow('no longer');
  });
});
