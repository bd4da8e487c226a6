import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { ChannelReporter } from '../../../src/host/channel-reporter.js';
import { Ledger, type LedgerSubscriber } from '../../../src/orchestrator/ledger/ledger.js';
import type { LedgerTask } from '../../../src/orchestrator/ledger/ledger-task.js';
import { readOrchestratorMessage, readWorkerMessage } from '../../../src/protocol/message-check.js';
import { openEnvelope, type WorkerMessage } from '../../../src/protocol/messages.js';
import { errorReport, OrchestratorChannel } from '../../../src/host/orchestrator-channel.js';
import {
  SupervisedProcess,
  type ProcessListener,
} from '../../../src/orchestrator/processes/supervised-process.js';
import { MemoryMeter } from '../../../src/core/meter.js';
import { newEndCounts, sumOf, Tally } from '../../../src/orchestrator/ledger/tally.js';
import { MemoryKiller } from '../../../src/os/memory-killer.js';
import type { ProcessPlan } from '../../../src/orchestrator/processes/process-plan.js';
import {
  orchestratorMessages,
  receivedLike,
  spoiled,
  workerMessages,
} from '../../support/arbitrary-messages.js';
import { FakeProcess } from '../../support/fake-launcher.js';
import { makeTask } from '../../support/make-task.js';

const RUNS = { seed: 20261124, numRuns: 1_000 };

describe('a message of a worker process', () => {
  test.each<[string, unknown, string]>([
    ['nothing', null, 'a message must be an object, got null'],
    ['a list', [], 'a message must be an object, got an array'],
    ['of no type', {}, 'the type of a message must be "building", "ready", "failed"'],
    ['of a type of Object', { type: 'constructor' }, 'got "constructor" (string)'],
    ['without its fields', { type: 'tasks' }, 'tasks.started must be a list, got undefined'],
    [
      'with an entry that is too short',
      { type: 'tasks', started: [[1]], marks: [], finished: [], duplicates: [] },
      'tasks.started[0] must be a list of 11 values, got 1',
    ],
    [
      'with an end that is none',
      { type: 'tasks', started: [], marks: [], finished: [[1, '__proto__']], duplicates: [] },
      'tasks.finished[0][1] must be one of "COMPLETED"',
    ],
    [
      'with a mark that is none',
      { type: 'tasks', started: [], marks: [[1, 'done']], finished: [], duplicates: [] },
      'tasks.marks[0][1] must be one of "begun", "releasing", "stored", "kept", got "done" (string)',
    ],
    [
      'with progress that is too long',
      { type: 'progress', progress: [[1, 'x'.repeat(501)]] },
      '500 characters',
    ],
    ['with an inherited field', Object.create({ type: 'uncertain' }), 'the type of a message must be'],
    [
      'with an error that has no message',
      { type: 'failed', error: { name: 'E', stack: '' } },
      'failed.error.message must be a string, got undefined',
    ],
  ])('%s is refused, with type and field', (_title, received, problem) => {
    expect(readWorkerMessage(received)).toEqual({ problem: expect.stringContaining(problem) as string });
  });

  it('is taken as it is when it is right', () => {
    fc.assert(
      fc.property(workerMessages, (message) => {
        const received = JSON.parse(JSON.stringify(message)) as WorkerMessage;
        // Texts of progress are short here.
        expect(readWorkerMessage(received)).toEqual({ message: received });
      }),
      RUNS,
    );
  });

  it('is read without an exception, whatever it is', () => {
    const anything = fc.oneof(fc.anything({ withNullPrototype: true }), receivedLike(workerMessages));
    fc.assert(
      fc.property(anything, (received) => {
        expect(Object.keys(readWorkerMessage(received))).toHaveLength(1);
        openEnvelope(received);
        openEnvelope({ tutti: received });
      }),
      RUNS,
    );
  });
});

describe('a message of the orchestrator', () => {
  test.each<[string, unknown, string]>([
    ['of no type', { type: 'start' }, 'the type of a message must be "run", "stop"'],
    ['without its field', { type: 'cancel', ref: 1 }, 'cancel.reason must be a string, got undefined'],
    [
      'with a wrong number',
      { type: 'tune', worker: -1 },
      'tune.worker must be a whole number of 0 or more, got -1',
    ],
  ])('%s is refused, with type and field', (_title, received, problem) => {
    expect(readOrchestratorMessage(received)).toEqual({
      problem: expect.stringContaining(problem) as string,
    });
  });

  it('is read without an exception, whatever it is, and taken as it is when it is right', () => {
    const received = fc.oneof(fc.anything({ withNullPrototype: true }), receivedLike(orchestratorMessages));
    fc.assert(
      fc.property(received, (value) => {
        expect(Object.keys(readOrchestratorMessage(value))).toHaveLength(1);
      }),
      RUNS,
    );
    fc.assert(
      fc.property(orchestratorMessages, (message) => {
        const value = JSON.parse(JSON.stringify(message)) as object;
        expect(readOrchestratorMessage(value)).toEqual({ message: value });
      }),
      RUNS,
    );
  });
});

describe('the orchestrator’s end of a process that sends anything', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const plan: ProcessPlan = {
    name: 'greet#1',
    workers: ['a', 'b'].map((key) => ({
      key,
      taskType: key,
      concurrency: 1,
      pollInterval: 100,
      blockedTimeout: 60_000,
      file: undefined,
    })),
  };
  const marker = {
    replica: plan.name,
    workers: ['a', 'b'],
    files: [],
    serverUrl: '',
    outboxFolder: undefined,
    resultsFolder: undefined,
    nativeCallsFile: undefined,
    incarnation: 'cafe',
    orphanGraceMs: 1_000,
  };

  const memoryKiller = new MemoryKiller(() => undefined);

  /** A process that is ready, with what a subscriber of the ledger hears of its tasks. */
  function open() {
    const present = new Map<number, LedgerTask>();
    const subscriber: LedgerSubscriber = {
      processReady: () => undefined,
      processUncertain: () => undefined,
      processDied: () => [],
      taskAdded: (task) => {
        expect(present.has(task.ref)).toBe(false);
        present.set(task.ref, task);
      },
      taskRemoved: (task) => {
        expect(present.get(task.ref)).toBe(task);
        present.delete(task.ref);
      },
    };
    const launched = new FakeProcess(1, marker, { getsReady: false, obeysStop: true });
    const tallies = plan.workers.map(({ key }) => new Tally(new MemoryMeter(), plan.name, key));
    const ledger = new Ledger();
    ledger.subscribe(subscriber);
    const process = new SupervisedProcess(
      launched,
      { plan, marker, ledger, tallies, memoryKiller, readyTimeoutMs: 5_000 },
      { ready: () => undefined, died: () => undefined },
    );
    launched.sayReady();
    return { launched, process, tallies, present };
  }

  const isRight = ({ ref, taskId, worker, state, deaths, progress }: LedgerTask): boolean =>
    Number.isSafeInteger(ref) &&
    typeof taskId === 'string' &&
    worker < plan.workers.length &&
    ['waiting', 'running', 'releasing', 'stored', 'kept'].includes(state) &&
    Number.isSafeInteger(deaths) &&
    ['undefined', 'string', 'number'].includes(typeof progress);

  it('never throws, has no wrong task, and ends the process at the first message that is not valid', () => {
    fc.assert(
      fc.property(fc.array(receivedLike(workerMessages), { maxLength: 12 }), (messages) => {
        const { launched, process, tallies, present } = open();
        for (const message of messages) {
          const isValid = 'message' in readWorkerMessage(JSON.parse(JSON.stringify(message)));
          const wasKilled = launched.wasKilled;
          launched.sayAnything(message);
          if (!isValid) expect(launched.wasKilled).toBe(true);
          if (launched.wasKilled && !wasKilled) {
            expect(process.killedFor).toMatchObject({
              isByTask: true,
              text: expect.stringMatching(/^it sent a message that is not valid: /) as string,
            });
          }
          const inFlight = process.account.tasks();
          expect(inFlight.filter((task) => !isRight(task))).toEqual([]);
          // The listener has heard of each that came and went.
          expect([...present.values()]).toEqual(inFlight);
        }
        const { counts } = sumOf(tallies);
        expect(Object.keys(counts)).toEqual(Object.keys(newEndCounts()));
        expect(Object.values(counts).every((count) => Number.isSafeInteger(count) && count >= 0)).toBe(true);
      }),
      { ...RUNS, numRuns: 500 },
    );
  });

  it('spoiled messages are spoiled as a rule, so that the tests above try what they mean to try', () => {
    const samples = fc.sample(spoiled(workerMessages), { seed: RUNS.seed, numRuns: 1_000 });
    const refused = samples.filter((message) => 'problem' in readWorkerMessage(message));
    expect(refused.length).toBeGreaterThan(500);
  });

  test.each<[string, object, string]>([
    ['a second ready', { type: 'ready', workers: [], isDebugged: false }, 'ready was sent before'],
    [
      'a number that is in use',
      tasks([1, 'a', 0], [1, 'b', 0]),
      'tasks.started[1][0]: a task in flight has the number 1',
    ],
    ['a worker that is none', tasks([1, 'a', 2]), 'tasks.started[0][3]: there is no worker 2'],
    [
      'a copy for a worker that is none',
      { ...tasks(), duplicates: [2] },
      'tasks.duplicates: there are 2 workers',
    ],
  ])('what cannot be is not valid either: %s', (_title, message, problem) => {
    const { launched, process } = open();
    launched.sayAnything(message);
    expect(process.killedFor?.text).toBe(`it sent a message that is not valid: ${problem}`);
    expect(process.account.size).toBe(0);
  });

  it('tasks before it is ready', () => {
    const launched = new FakeProcess(1, marker, { getsReady: false, obeysStop: true });
    const listener: ProcessListener = { ready: () => undefined, died: () => undefined };
    const tallies = plan.workers.map(({ key }) => new Tally(new MemoryMeter(), plan.name, key));
    const options = { plan, marker, ledger: new Ledger(), tallies, memoryKiller, readyTimeoutMs: 5_000 };
    const process = new SupervisedProcess(launched, options, listener);
    launched.sayAnything(tasks([1, 'a', 0]));
    expect(process.killedFor?.text).toContain('tasks was sent before ready');
    expect(process.account.size).toBe(0);
    expect(sumOf(tallies).received).toBe(0);
  });

  it('a channel that cannot be read any more ends the process with that reason', () => {
    const { launched, process } = open();
    launched.breakChannel('it wrote something to its channel that is not JSON');
    expect(launched.wasKilled).toBe(true);
    expect(process.killedFor).toEqual({
      text: 'it wrote something to its channel that is not JSON',
      isByTask: true,
    });
  });
});

function tasks(...started: [ref: number, taskId: string, worker: number][]): object {
  return {
    type: 'tasks',
    started: started.map(([ref, taskId, worker]) => [
      ref,
      taskId,
      'w',
      worker,
      10,
      0,
      0,
      true,
      'r',
      0,
      false,
    ]),
    marks: [],
    finished: [],
    duplicates: [],
  };
}

describe('a worker process never sends a message that is not valid', () => {
  class Channel extends OrchestratorChannel {
    readonly problems: string[] = [];
    readonly messages: WorkerMessage[] = [];
    override send(message: WorkerMessage): boolean {
      const read = readWorkerMessage(JSON.parse(JSON.stringify(message)));
      if ('problem' in read) this.problems.push(read.problem);
      this.messages.push(message);
      return true;
    }
    override written(message: WorkerMessage): Promise<void> {
      this.send(message);
      return Promise.resolve();
    }
  }
  const oddNumber = fc.constantFrom(Number.NaN, Infinity, -Infinity, -1, 0.5, 1e300);

  it('whatever a server puts into its tasks, and whatever tasks report', async () => {
    const odd = fc.oneof(fc.anything(), oddNumber);
    await fc.assert(
      fc.asyncProperty(odd, odd, odd, odd, odd, async (lease, retryCount, reference, limitMs, progress) => {
        const channel = new Channel();
        const all = new ChannelReporter(channel);
        const reporter = all.forWorker(0);
        const task = makeTask('t-1', {
          responseTimeoutSeconds: lease as number,
          retryCount: retryCount as number,
          referenceTaskName: reference as string,
        });
        await reporter.started([{ task, limitMs: limitMs as number, deaths: 1, begins: true }]);
        reporter.progress('t-1', progress as string);
        reporter.duplicate();
        void reporter.mayRun(task);
        reporter.finished('t-1', 'COMPLETED');
        await all.flushed();
        expect(channel.problems).toEqual([]);
        const claim = channel.messages.find((message) => message.type === 'claim')!;
        all.answer(claim.claim, true);
      }),
      { ...RUNS, numRuns: 300 },
    );
  });

  it('of a reference that is nested deeper than JSON can be written', async () => {
    let deep: unknown = 'r';
    for (let depth = 0; depth < 100_000; depth++) deep = [deep];
    const channel = new Channel();
    const all = new ChannelReporter(channel);
    const task = makeTask('t-1', { referenceTaskName: deep as string });
    await all.forWorker(0).started([{ task, limitMs: undefined, deaths: 0, begins: true }]);
    void all.forWorker(0).mayRun(task);
    expect(channel.messages.map(({ type }) => type)).toEqual(['tasks', 'claim']);
    expect(channel.problems).toEqual([]);
    const claim = channel.messages.find((message) => message.type === 'claim')!;
    all.answer(claim.claim, true);
  });

  it('whatever was thrown', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.anything().map((name) => Object.assign(new Error('x'), { name })),
        ),
        (thrown) => {
          const message = { type: 'failed', error: errorReport(thrown) };
          expect(readWorkerMessage(JSON.parse(JSON.stringify(message)))).toHaveProperty('message');
        },
      ),
      { ...RUNS, numRuns: 300 },
    );
    const long = Object.assign(new Error('x'), { name: 'N'.repeat(1_000_000) });
    expect(JSON.stringify(errorReport(long)).length).toBeLessThan(100_000);
  });
});
