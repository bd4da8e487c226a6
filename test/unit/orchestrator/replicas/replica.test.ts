import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import type { TuttiError } from '../../../../src/core/errors.js';
import { MemoryMeter, SimpleHistogram } from '../../../../src/core/meter.js';
import type { TaskEnd } from '../../../../src/worker/execution/task-reporter.js';
import { Ledger } from '../../../../src/orchestrator/ledger/ledger.js';
import type { ProcessDeath } from '../../../../src/orchestrator/ledger/process-death.js';
import { MemoryKiller } from '../../../../src/os/memory-killer.js';
import { ProcInspector } from '../../../../src/os/process-inspector.js';
import type { ProcessPlan } from '../../../../src/orchestrator/processes/process-plan.js';
import type { ReplicaOptions } from '../../../../src/orchestrator/replicas/replica-options.js';
import { Replica, type ReplicaListener } from '../../../../src/orchestrator/replicas/replica.js';
import { FakeLauncher } from '../../../support/fake-launcher.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const PLAN: ProcessPlan = {
  name: 'greet:GreetWorker#1',
  workers: [
    {
      key: 'greet:GreetWorker',
      taskType: 'greet',
      concurrency: 1,
      pollInterval: 100,
      blockedTimeout: 60_000,
      file: '/app/greet.worker.js',
    },
  ],
};
const RESTART = { initialDelay: 1_000, maxDelay: 8_000, healthyAfter: 60_000, maxDeaths: 3 };

/** A replica with everything that it tells: `ready`, `died`, `restarting`, `givenUp`. */
function makeReplica(options: Partial<ReplicaOptions> = {}) {
  const launcher = new FakeLauncher();
  const told: string[] = [];
  const deaths: ProcessDeath[] = [];
  const failures: TuttiError[] = [];
  const listener: ReplicaListener = {
    ready: () => told.push('ready'),
    died: (_replica, death) => {
      told.push('died');
      deaths.push(death);
    },
    restarting: (_replica, _delayMs, count) => told.push(`restarting ${count}`),
    givenUp: (_replica, error) => {
      told.push('givenUp');
      failures.push(error);
    },
  };
  const replica = new Replica(
    PLAN,
    {
      launcher,
      ledger: new Ledger(),
      meter: new MemoryMeter(),
      memoryKiller: new MemoryKiller(() => undefined),
      inspector: new ProcInspector(),
      serverUrl: 'http://localhost/api',
      outboxFolder: undefined,
      resultsFolder: undefined,
      nativeCallsFolder: undefined,
      restart: RESTART,
      restartsUnready: false,
      readyTimeoutMs: 5_000,
      orphanGraceMs: 1_000,
      logger: new RecordingLogger(),
      ...options,
    },
    listener,
  );
  return { replica, launcher, told, deaths, failures };
}

/** A replica whose process is ready and may poll. */
async function runningReplica(options: Partial<ReplicaOptions> = {}) {
  const made = makeReplica(options);
  made.replica.start();
  await vi.advanceTimersByTimeAsync(0);
  made.replica.run();
  expect(made.replica.state).toBe('ready');
  return made;
}

const task = (taskId: string) => ({ task: makeTask(taskId), limitMs: undefined, deaths: 0, begins: true });

describe('start', () => {
  it('tells the process what it is for', () => {
    const { replica, launcher } = makeReplica();
    replica.start();
    expect(replica.state).toBe('spawning');
    expect(launcher.last.marker).toMatchObject({
      replica: PLAN.name,
      workers: ['greet:GreetWorker'],
      files: ['/app/greet.worker.js'],
      serverUrl: 'http://localhost/api',
      orphanGraceMs: 1_000,
    });
  });

  it('a process polls once it is ready and everything else is', async () => {
    const { replica, launcher, told } = makeReplica();
    replica.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(['ready']);
    expect(replica.state).toBe('ready');
    expect(launcher.last.orders).toEqual([]);
    replica.run();
    expect(launcher.last.orders).toEqual(['run']);
  });

  it('a process that gets ready after run() polls at once', async () => {
    const { replica, launcher } = makeReplica();
    replica.start();
    replica.run();
    await vi.advanceTimersByTimeAsync(0);
    expect(launcher.last.orders).toEqual(['run']);
  });

  it('each start has another id', async () => {
    const { launcher } = await runningReplica();
    launcher.last.end({ code: 1 });
    await vi.advanceTimersByTimeAsync(10_000);
    const ids = launcher.launched.map((process) => process.marker.incarnation);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(2);
  });
});

describe('a process that does not get ready', () => {
  test.each<[string, (launcher: FakeLauncher) => void, RegExp]>([
    [
      'reports its error',
      (l) => {
        l.last.sayFailed('no database');
        l.last.end({ code: 1 });
      },
      /failed: no database$/,
    ],
    [
      'ends with an error on stderr',
      (l) => l.last.end({ code: 1, stderrTail: 'SyntaxError: bad' }),
      /exited with code 1 before its main file called bootstrap\(\)\nSyntaxError: bad/,
    ],
    ['ends with code 0', (l) => l.last.end({ code: 0 }), /exited with code 0/],
    ['crashes', (l) => l.last.end({ signal: 'SIGSEGV' }), /died of signal SIGSEGV/],
  ])('%s: given up, with the reason', (_title, end, pattern) => {
    const { replica, launcher, told, failures } = makeReplica();
    launcher.behaviour.getsReady = false;
    replica.start();
    end(launcher);
    expect(told).toEqual(['died', 'givenUp']);
    expect(replica.state).toBe('failed');
    expect(failures[0]).toMatchObject({
      code: 'PROCESS_FAILED',
      message: expect.stringMatching(pattern) as string,
    });
    expect(replica.failure).toBe(failures[0]);
  });

  it('in time is killed', async () => {
    const { replica, launcher, failures } = makeReplica();
    launcher.behaviour.getsReady = false;
    replica.start();
    await vi.advanceTimersByTimeAsync(4_999);
    expect(launcher.last.wasKilled).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(launcher.last.wasKilled).toBe(true);
    expect(failures[0]).toMatchObject({
      code: 'PROCESS_NOT_READY',
      message: expect.stringContaining('not ready within 5000 ms') as string,
    });
  });

  it('is started again where that is allowed', async () => {
    const { replica, launcher, told } = makeReplica({ restartsUnready: true });
    launcher.behaviour.getsReady = false;
    replica.start();
    launcher.last.end({ code: 1 });
    expect(replica.state).toBe('waiting');
    launcher.behaviour.getsReady = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(replica.state).toBe('ready');
    expect(told).toEqual(['died', 'restarting 1', 'ready']);
  });

  it('has a wrong configuration (78): never started again', () => {
    const { replica, launcher, told, failures } = makeReplica({ restartsUnready: true });
    launcher.behaviour.getsReady = false;
    replica.start();
    launcher.last.end({ code: 78 });
    expect(told).toEqual(['died', 'givenUp']);
    expect(failures[0]!.details).toMatchObject({ exitCode: 78 });
    expect(replica.state).toBe('failed');
  });

  it('cannot be started at all', () => {
    const { replica, launcher, told, failures } = makeReplica();
    launcher.failure = new Error('EAGAIN');
    replica.start();
    expect(told).toEqual(['givenUp']);
    expect(failures[0]!.message).toContain('EAGAIN');
    expect(replica.state).toBe('failed');
  });
});

describe('restart', () => {
  it('with back-off, then given up; status() shows it', async () => {
    const { replica, launcher, told, failures } = await runningReplica();
    launcher.last.end({ code: 1 });
    expect(replica.status(() => undefined)).toMatchObject({ state: 'waiting', restarts: 1, pid: undefined });
    const firstDelay = replica.status(() => undefined).nextStartAt! - Date.now();
    expect(firstDelay).toBeGreaterThanOrEqual(800);
    expect(firstDelay).toBeLessThanOrEqual(1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(replica.state).toBe('ready');
    expect(launcher.last.orders).toEqual(['run']);
    launcher.last.end({ signal: 'SIGKILL' });
    expect(replica.status(() => undefined).nextStartAt! - Date.now()).toBeGreaterThanOrEqual(1_600);
    await vi.advanceTimersByTimeAsync(2_000);
    launcher.last.end({ code: 1, stderrTail: 'last words' });
    expect(told).toEqual([
      'ready',
      'died',
      'restarting 1',
      'ready',
      'died',
      'restarting 2',
      'ready',
      'died',
      'givenUp',
    ]);
    expect(failures[0]).toMatchObject({
      code: 'PROCESS_GIVEN_UP',
      message: expect.stringMatching(
        /GreetWorker#1 is given up after 3 deaths in a row; the last: .*last words/s,
      ) as string,
    });
    expect(replica.state).toBe('failed');
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(launcher.launched).toHaveLength(3);
  });

  it('deaths that are put down to a suspect which ran alone do not count', async () => {
    const { replica, launcher, told } = await runningReplica();
    const die = async (...tasks: [taskId: string, deaths: number][]): Promise<void> => {
      const arrived = tasks.map(([taskId, deaths]) => ({ ...task(taskId), deaths }));
      void launcher.last.reporter.forWorker(0).started(arrived);
      await vi.advanceTimersByTimeAsync(1);
      launcher.last.end({ signal: 'SIGSEGV' });
      await vi.advanceTimersByTimeAsync(10_000);
    };
    for (let death = 0; death < 20; death++) await die(['suspect', 1]);
    expect(replica.status(() => undefined)).toMatchObject({ state: 'ready', restarts: 20, deathsInARow: 0 });
    await die(['a', 0]);
    await die(['suspect', 1], ['b', 0]);
    await die(['suspect', 2]);
    expect(replica.status(() => undefined)).toMatchObject({ state: 'ready', deathsInARow: 2 });
    await die(['a', 0]);
    expect(replica.state).toBe('failed');
    expect(told.at(-1)).toBe('givenUp');
  });

  it('a clock that is set forward makes no life a healthy one', async () => {
    const { replica, launcher, told } = await runningReplica();
    for (let death = 0; death < 3; death++) {
      vi.setSystemTime(Date.now() + 3_600_000);
      launcher.last.end({ signal: 'SIGKILL' });
      await vi.advanceTimersByTimeAsync(10_000);
    }
    expect(replica.state).toBe('failed');
    expect(told).toContain('givenUp');
  });

  it('a healthy life in between lets the count start anew', async () => {
    const { replica, launcher } = await runningReplica();
    for (let life = 0; life < 6; life++) {
      await vi.advanceTimersByTimeAsync(60_000);
      launcher.last.end({ code: 1 });
      await vi.advanceTimersByTimeAsync(1_000);
      expect(replica.state).toBe('ready');
    }
  });

  it('an exit with code 0 that nobody asked for is a death as well', async () => {
    const { replica, launcher } = await runningReplica();
    launcher.last.leave();
    expect(replica.state).toBe('waiting');
  });

  it('a process that was ready once and has a wrong configuration now is not started again', async () => {
    const { replica, launcher } = await runningReplica();
    launcher.last.end({ code: 78 });
    expect(replica.state).toBe('failed');
  });

  it('a restarted process that does not get ready is started again', async () => {
    const { replica, launcher } = await runningReplica();
    launcher.behaviour.getsReady = false;
    launcher.last.end({ code: 1 });
    await vi.advanceTimersByTimeAsync(1_000);
    launcher.last.end({ code: 1 });
    expect(replica.state).toBe('waiting');
  });
});

describe('the tasks of a process that dies', () => {
  it('are told with its death, and counted', async () => {
    const { replica, launcher, deaths } = await runningReplica();
    await Promise.all([
      launcher.last.reporter.forWorker(0).started([task('a'), task('b')]),
      vi.advanceTimersByTimeAsync(1),
    ]);
    launcher.last.reporter.forWorker(0).finished('a', 'COMPLETED');
    await vi.advanceTimersByTimeAsync(1);
    expect(replica.status(() => undefined).tasks.map((one) => one.taskId)).toEqual(['b']);
    launcher.last.end({ signal: 'SIGSEGV', stderrTail: 'boom' });
    expect(deaths[0]!.tasks.map((one) => one.taskId)).toEqual(['b']);
    expect(deaths[0]).toMatchObject({ pid: launcher.launched[0]!.pid, mayHaveMore: true });
    expect(replica.status(() => undefined)).toMatchObject({
      tasks: [],
      lostToCrashes: 1,
      counts: { COMPLETED: 1 },
    });
  });

  it('are not mixed with what a process says after its end', async () => {
    const { replica, launcher } = await runningReplica();
    const dead = launcher.last;
    dead.end({ code: 1 });
    await vi.advanceTimersByTimeAsync(1_000);
    void dead.reporter.forWorker(0).started([task('ghost')]);
    await vi.advanceTimersByTimeAsync(1);
    expect(replica.status(() => undefined).tasks).toEqual([]);
  });

  it('questions are answered', async () => {
    const { launcher } = await runningReplica();
    const { reporter } = launcher.last;
    await Promise.all([reporter.forWorker(0).started([task('twin')]), vi.advanceTimersByTimeAsync(1)]);
    void reporter.forWorker(0).mayRun(makeTask('twin'));
    void reporter.forWorker(0).mayRun(makeTask('other'));
    const claimed = () => launcher.last.received.filter((message) => message.type === 'claimed');
    await vi.waitFor(() => expect(claimed()).toHaveLength(2));
    const answers = claimed();
    expect(answers.map((answer) => answer.mayRun)).toEqual([false, true]);
  });
});

describe('durations that beats bring', () => {
  const beat = (end: TaskEnd, ...ms: number[]): void => {
    const measured = new SimpleHistogram();
    for (const one of ms) measured.record(one);
    const loop = {
      polls: 1,
      lastPollAt: 1,
      lastPollError: undefined,
      failuresInARow: 0,
      overdueMs: 0,
      isPaused: false,
      durations: [[end, measured.value] as const],
    };
    bench.launcher.last.say({
      type: 'beat',
      loops: [loop],
      isDebugged: false,
      loopDelayMs: 0,
      loopUtilisation: 0,
      outbox: 0,
      lingeringMs: 0,
    });
  };
  let bench: Awaited<ReturnType<typeof runningReplica>>;

  it('are added up for their worker, over restarts, and kept by how tasks ended', async () => {
    const meter = new MemoryMeter();
    bench = await runningReplica({ meter });
    beat('COMPLETED', 3, 30);
    bench.launcher.last.end({ code: 1 });
    await vi.advanceTimersByTimeAsync(1_000);
    beat('FAILED', 300);
    const [worker] = bench.replica.status(() => undefined).workers;
    expect(worker!.durations).toMatchObject({ count: 3, sumMs: 333 });
    const labels = { replica: PLAN.name, worker: 'greet:GreetWorker' };
    const ofEnd = (end: string) => meter.histogram('task_duration_ms', { ...labels, end }).value.sumMs;
    expect([ofEnd('COMPLETED'), ofEnd('FAILED')]).toEqual([33, 300]);
  });
});

describe('stop', () => {
  it('waits until the process has left', async () => {
    const { replica, launcher, told } = await runningReplica();
    launcher.last.behaviour.obeysStop = false;
    let isGone = false;
    const stopped = replica.stop().then(() => (isGone = true));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(replica.state).toBe('stopping');
    expect(launcher.last.orders).toEqual(['run', 'stop']);
    expect(isGone).toBe(false);
    launcher.last.leave();
    await stopped;
    expect(replica.state).toBe('exited');
    expect(told).toEqual(['ready', 'died']);
    expect(replica.status(() => undefined).lastError).toBeUndefined();
  });

  it('does not start a process again that dies while it stops', async () => {
    const { replica, launcher } = await runningReplica();
    launcher.last.behaviour.obeysStop = false;
    const stopped = replica.stop();
    launcher.last.end({ code: 1 });
    await stopped;
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(launcher.launched).toHaveLength(1);
    expect(replica.state).toBe('exited');
    expect(replica.status(() => undefined).lastError).toContain('exited with code 1');
  });

  it('while it waits for a restart: done at once, and there is none', async () => {
    const { replica, launcher } = await runningReplica();
    launcher.last.end({ code: 1 });
    await replica.stop();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(launcher.launched).toHaveLength(1);
    expect(replica.status(() => undefined)).toMatchObject({ state: 'exited', nextStartAt: undefined });
  });

  it('before it was started, after it was given up, twice: no harm', async () => {
    const { replica } = makeReplica();
    await replica.stop();
    expect(replica.state).toBe('idle');
    const { replica: failed, launcher } = await runningReplica();
    launcher.last.end({ code: 78 });
    await failed.stop();
    await failed.stop();
    expect(failed.state).toBe('failed');
  });

  it('a process that is still starting is told again when it listens, and is not ready any more', async () => {
    const { replica, launcher, told } = makeReplica();
    launcher.behaviour = { getsReady: false, obeysStop: false };
    replica.start();
    const stopped = replica.stop();
    launcher.last.sayReady();
    expect(told).toEqual([]);
    expect(launcher.last.orders).toEqual(['stop', 'stop']);
    launcher.last.leave();
    await stopped;
  });

  it('abort goes to the process; kill ends it, and its tasks have failed for that reason', async () => {
    const { replica, launcher, deaths } = await runningReplica();
    launcher.last.behaviour.obeysStop = false;
    await Promise.all([
      launcher.last.reporter.forWorker(0).started([task('a')]),
      vi.advanceTimersByTimeAsync(1),
    ]);
    const stopped = replica.stop();
    replica.abort('nearly over');
    expect(launcher.last.received.at(-1)).toEqual({ type: 'abort', reason: 'nearly over' });
    replica.kill('time is up');
    replica.kill('another reason');
    await stopped;
    expect(deaths[0]!.reason).toMatch(/was killed: time is up$/);
    expect(deaths[0]!.tasks.map((one) => one.taskId)).toEqual(['a']);
  });
});
