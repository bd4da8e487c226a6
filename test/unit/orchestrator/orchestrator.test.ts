import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, test, vi } from 'vitest';
import { ConfigurationError, HttpError, type TuttiError } from '../../../src/core/errors.js';
import { OrphanGuard } from '../../../src/orchestrator/processes/orphan-guard.js';
import { Orchestrator } from '../../../src/orchestrator/orchestrator.js';
import { ProcessInspector, type DescendantSample } from '../../../src/os/process-inspector.js';
import type { OrchestratorOptions } from '../../../src/orchestrator/orchestrator-options.js';
import { chosenFolder, RunDirectory } from '../../../src/orchestrator/custody/run-directory.js';
import type { ProcessPlan } from '../../../src/orchestrator/processes/process-plan.js';
import type { OrchestratorStatus } from '../../../src/orchestrator/status/status.js';
import { FakeLauncher } from '../../support/fake-launcher.js';
import { FakeTaskClient } from '../../support/fake-task-client.js';
import { makeTask } from '../../support/make-task.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const exitCodeBefore = process.exitCode;
beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  process.exitCode = exitCodeBefore;
});

class FakeGuard extends OrphanGuard {
  isRunning = false;
  override start(): void {
    this.isRunning = true;
  }
  override stop(): void {
    this.isRunning = false;
  }
}

function plan(type: string): ProcessPlan {
  return {
    name: `${type}:Worker#1`,
    workers: [
      {
        key: `${type}:Worker`,
        taskType: type,
        concurrency: 1,
        pollInterval: 100,
        blockedTimeout: 60_000,
        file: undefined,
      },
    ],
  };
}

/** A system with or without /proc. */
class FakeInspector extends ProcessInspector {
  constructor(override readonly isSupported: boolean) {
    super();
  }
  override sample(): undefined {
    return undefined;
  }
  override descendants(): DescendantSample {
    return { cpuMs: 0, youngestAgeMs: Infinity };
  }
  override isHeldByDebugger(): Promise<boolean> {
    return Promise.resolve(false);
  }
}

const GRACE_MS = 10_000;

/** An orchestrator over fake processes and a fake server, with everything that it tells. */
function bench(options: Partial<OrchestratorOptions> & { types?: string[]; directory?: RunDirectory } = {}) {
  const { types = ['a', 'b'], directory, ...rest } = options;
  const launcher = new FakeLauncher();
  const client = new FakeTaskClient();
  const logger = new RecordingLogger();
  const guard = new FakeGuard(logger, 'test');
  const state = { isClosed: false };
  const orchestrator = new Orchestrator({
    replicas: types.map(plan),
    launcher,
    guard,
    connect: () =>
      Promise.resolve({
        url: 'http://localhost/api',
        client,
        directory,
        clients: () => Promise.reject(new Error('not used')),
        close: () => {
          state.isClosed = true;
          return client.close();
        },
      }),
    logger,
    restart: { initialDelay: 1_000, maxDelay: 8_000, healthyAfter: 60_000, maxDeaths: 2 },
    onStartupFailure: 'stop',
    handlesSignals: false,
    readyTimeoutMs: 5_000,
    stopGraceMs: GRACE_MS,
    orphanGraceMs: 1_000,
    ...rest,
  });
  const told: string[] = [];
  orchestrator.on('state', (to) => told.push(to));
  orchestrator.on('exit', ({ replica, failedTasks }) => told.push(`exit ${replica} ${failedTasks}`));
  orchestrator.on('restart', ({ replica }) => told.push(`restart ${replica}`));
  orchestrator.on('givenUp', ({ replica }) => told.push(`givenUp ${replica}`));
  return { orchestrator, launcher, client, logger, guard, told, state };
}

/** A folder of a run that cannot be put in order at the end. */
async function brokenDirectory(): Promise<RunDirectory> {
  const root = mkdtempSync(join(tmpdir(), 'tutti-test-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const directory = (await RunDirectory.open([chosenFolder(root)], new RecordingLogger()))!;
  directory.close = () => Promise.reject(new Error('ENOTEMPTY: directory not empty'));
  return directory;
}

async function running(options: Parameters<typeof bench>[0] = {}) {
  const made = bench(options);
  await made.orchestrator.start();
  return made;
}

/** What a promise comes to while time goes by. */
async function settled<T>(promise: Promise<T>, ms = 60_000): Promise<{ value?: T; error?: TuttiError }> {
  const caught = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error: error as TuttiError }),
  );
  await vi.advanceTimersByTimeAsync(ms);
  return await caught;
}

const startTask = async (process: FakeLauncher['last'], ...ids: string[]): Promise<void> => {
  const tasks = ids.map((id) => ({ task: makeTask(id), limitMs: undefined, deaths: 0, begins: true }));
  void process.reporter.forWorker(0).started(tasks);
  await vi.advanceTimersByTimeAsync(1);
};

describe('start', () => {
  it('says what the watchdog cannot do where the system does not tell what processes do', async () => {
    const { logger } = await running({ inspector: new FakeInspector(false) });
    expect(logger.at('warn')).toEqual([
      expect.stringMatching(/there is no \/proc.*is ended by executionTimeout only/),
    ]);
    expect((await running({ inspector: new FakeInspector(true) })).logger.at('warn')).toEqual([]);
  });

  it('resolves when every process is ready; only then do they poll', async () => {
    const { orchestrator, launcher, guard, told } = bench();
    launcher.behaviour.getsReady = false;
    let hasStarted = false;
    const started = orchestrator.start().then(() => (hasStarted = true));
    await vi.advanceTimersByTimeAsync(0);
    expect(guard.isRunning).toBe(true);
    launcher.of('a:Worker#1').sayReady();
    await vi.advanceTimersByTimeAsync(10);
    expect(hasStarted).toBe(false);
    expect(launcher.of('a:Worker#1').orders).toEqual([]);
    launcher.of('b:Worker#1').sayReady();
    await started;
    for (const process of launcher.launched) expect(process.orders).toEqual(['run']);
    expect(told).toEqual(['starting', 'running']);
    await settled(orchestrator.stop());
  });

  it('tells the status once', async () => {
    const onStarted = vi.fn<(status: OrchestratorStatus) => void>();
    const { orchestrator } = await running({ onStarted });
    expect(onStarted).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ state: 'running', serverUrl: 'http://localhost/api' }),
    );
    await settled(orchestrator.stop());
  });

  it('is the same start when it is called again', async () => {
    const { orchestrator, launcher } = bench();
    await Promise.all([orchestrator.start(), orchestrator.start()]);
    expect(launcher.launched).toHaveLength(2);
    await settled(orchestrator.stop());
  });

  it('before it, there is no server to talk to', async () => {
    const { orchestrator } = bench();
    expect(() => orchestrator.serverUrl).toThrow(expect.objectContaining({ code: 'ILLEGAL_STATE' }));
    await expect(orchestrator.clients()).rejects.toMatchObject({ code: 'ILLEGAL_STATE' });
    expect(orchestrator.status()).toMatchObject({ state: 'created', replicas: [], startedAt: undefined });
  });

  it('fails when the server connection cannot be made', async () => {
    const { orchestrator, guard, launcher } = bench({
      connect: () => Promise.reject(new Error('port taken')),
    });
    const { error } = await settled(orchestrator.start());
    expect(error).toMatchObject({
      code: 'STARTUP_FAILED',
      message: expect.stringContaining('port taken') as string,
    });
    expect(orchestrator.state).toBe('failed');
    expect(guard.isRunning).toBe(false);
    expect(launcher.launched).toEqual([]);
    await expect(orchestrator.join()).rejects.toBe(error);
  });
});

describe('what a stop logs', () => {
  const infos = (logger: RecordingLogger): string[] => logger.at('info');

  it('is one line at its end when it is quick: what became of the tasks, and how long it took', async () => {
    const { orchestrator, launcher, logger } = await running();
    const process = launcher.of('a:Worker#1');
    process.behaviour.obeysStop = false;
    await startTask(process, 'before', 'done', 'back');
    process.reporter.forWorker(0).finished('before', 'COMPLETED');
    await vi.advanceTimersByTimeAsync(1);
    const stopped = orchestrator.stop();
    process.reporter.forWorker(0).finished('done', 'FAILED');
    process.reporter.forWorker(0).finished('back', 'HANDED_BACK');
    await vi.advanceTimersByTimeAsync(1_200);
    process.leave();
    await settled(stopped, 10);
    expect(infos(logger)).toEqual([
      expect.stringMatching(/^stopped: 1 task finished, 1 given back in 1\.2 s$/),
    ]);
  });

  it('says what it waits for, how long still, and what was cut off', async () => {
    const { orchestrator, launcher, logger } = await running({ stopGraceMs: 20_000 });
    launcher.of('a:Worker#1').behaviour.obeysStop = false;
    await startTask(launcher.of('a:Worker#1'), 'one', 'two');
    const { error } = await settled(orchestrator.stop(), 30_000);
    expect(error).toBeUndefined();
    expect(infos(logger)).toEqual([
      'still stopping: 2 tasks in progress (a:Worker: 2); 15 s left',
      'still stopping: 2 tasks in progress (a:Worker: 2); 5 s left',
      expect.stringMatching(/^stopped: 0 tasks finished, 0 given back, 2 cut off in 20\.\d s$/),
    ]);
  });

  it('names processes that have no task and do not leave, and a drain has no limit', async () => {
    const { orchestrator, launcher, logger } = await running();
    launcher.of('b:Worker#1').behaviour.obeysStop = false;
    const drained = orchestrator.drain();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(infos(logger)).toEqual([
      'still stopping: waiting for b:Worker#1 to close; there is no time limit',
    ]);
    launcher.of('b:Worker#1').leave();
    await settled(drained);
    expect(infos(logger)).toHaveLength(2);
  });
});

describe("onStartupFailure: 'stop'", () => {
  it('stops the others and rejects with every reason', async () => {
    const { orchestrator, launcher, told, guard, state } = bench({ types: ['a', 'b', 'c'] });
    launcher.behaviour.getsReady = false;
    const start = orchestrator.start();
    await vi.advanceTimersByTimeAsync(0);
    launcher.of('a:Worker#1').sayReady();
    launcher.of('b:Worker#1').sayFailed('no database');
    launcher.of('b:Worker#1').end({ code: 1 });
    launcher.of('c:Worker#1').end({ signal: 'SIGSEGV', stderrTail: 'boom' });
    const { error } = await settled(start);
    expect(error).toMatchObject({ name: 'TuttiError', code: 'STARTUP_FAILED' });
    expect(error!.message).toMatch(
      /^2 worker processes did not get ready:\n- b:Worker#1: no database\n- c:Worker#1: died of signal SIGSEGV\n\nc:Worker#1:\nboom$/,
    );
    expect(launcher.of('a:Worker#1').orders).toEqual(['stop']);
    expect(told.at(-1)).toBe('failed');
    expect(guard.isRunning).toBe(false);
    expect(state.isClosed).toBe(true);
    await expect(orchestrator.join()).rejects.toBe(error);
  });

  it('is a configuration error when every reason is one', async () => {
    const { orchestrator, launcher } = bench();
    launcher.behaviour.getsReady = false;
    const start = orchestrator.start();
    await vi.advanceTimersByTimeAsync(0);
    for (const process of launcher.launched) {
      process.sayFailed(`nothing is bound to Greeter`, 'DI_UNRESOLVED');
      process.end({ code: 78 });
    }
    const { error } = await settled(start);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ code: 'STARTUP_FAILED' });
  });

  it('a process that is not ready in time counts', async () => {
    const { orchestrator, launcher } = bench();
    launcher.behaviour.getsReady = false;
    const start = orchestrator.start();
    await vi.advanceTimersByTimeAsync(0);
    launcher.of('a:Worker#1').sayReady();
    const { error } = await settled(start);
    expect(error!.message).toMatch(/1 worker process did not get ready:\n- .*not ready within 5000 ms/);
  });
});

describe("onStartupFailure: 'continue'", () => {
  it('goes on with those that are ready, and tries the other again', async () => {
    const { orchestrator, launcher, told } = bench({ onStartupFailure: 'continue' });
    launcher.behaviour.getsReady = false;
    const start = orchestrator.start();
    await vi.advanceTimersByTimeAsync(0);
    launcher.of('a:Worker#1').sayReady();
    launcher.of('b:Worker#1').end({ code: 1 });
    await start;
    expect(orchestrator.state).toBe('running');
    expect(launcher.of('a:Worker#1').orders).toEqual(['run']);
    launcher.behaviour.getsReady = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(launcher.of('b:Worker#1').orders).toEqual(['run']);
    expect(told).toEqual(['starting', 'exit b:Worker#1 0', 'restart b:Worker#1', 'running']);
    await settled(orchestrator.stop());
  });

  it('a wrong configuration is given up, the others run', async () => {
    const { orchestrator, launcher, told } = bench({ onStartupFailure: 'continue' });
    launcher.behaviour.getsReady = false;
    const start = orchestrator.start();
    await vi.advanceTimersByTimeAsync(0);
    launcher.of('a:Worker#1').sayReady();
    launcher.of('b:Worker#1').end({ code: 78 });
    await start;
    expect(orchestrator.state).toBe('running');
    expect(told).toContain('givenUp b:Worker#1');
    await settled(orchestrator.stop());
  });

  it('nobody left is a failure all the same', async () => {
    const { orchestrator, launcher } = bench({ onStartupFailure: 'continue' });
    launcher.behaviour.getsReady = false;
    const start = orchestrator.start();
    await vi.advanceTimersByTimeAsync(0);
    for (const process of launcher.launched) process.end({ code: 78 });
    expect((await settled(start)).error).toMatchObject({ code: 'STARTUP_FAILED' });
  });
});

describe('while it runs', () => {
  it('a death takes no other process with it; its tasks are reported as failed at once', async () => {
    const { orchestrator, launcher, client, told } = await running();
    const [a, b] = launcher.launched;
    await startTask(a!, 't-1', 't-2');
    a!.end({ signal: 'SIGSEGV', stderrTail: 'last words' });
    await vi.advanceTimersByTimeAsync(1);
    expect(client.updates.map((result) => [result.taskId, result.status])).toEqual([
      ['t-1', 'FAILED'],
      ['t-2', 'FAILED'],
    ]);
    expect(client.updates[0]).toMatchObject({
      workflowInstanceId: 'workflow-1',
      workerId: expect.stringContaining(String(a!.pid)) as string,
      reasonForIncompletion: expect.stringMatching(
        /worker process a:Worker#1 .*died of signal SIGSEGV/,
      ) as string,
    });
    expect(client.updates[0]!.logs![0]!.log).toContain('last words');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(launcher.of('a:Worker#1').orders).toEqual(['run']);
    expect(b!.orders).toEqual(['run']);
    expect(told).toEqual(['starting', 'running', 'exit a:Worker#1 2', 'restart a:Worker#1']);
    await settled(orchestrator.stop());
  });

  it('one worker that is given up does not end the others', async () => {
    const { orchestrator, launcher } = await running();
    launcher.of('a:Worker#1').end({ code: 78 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(orchestrator.state).toBe('running');
    await settled(orchestrator.stop());
    await orchestrator.join();
  });

  it('when all are given up it stops, and join() rejects with the reasons', async () => {
    const { orchestrator, launcher, told, state } = await running();
    for (const replica of ['a:Worker#1', 'b:Worker#1']) {
      launcher.of(replica).end({ code: 1 });
      await vi.advanceTimersByTimeAsync(1_000);
      launcher.of(replica).end({ code: 1 });
    }
    const { error } = await settled(orchestrator.join());
    expect(error).toMatchObject({ code: 'PROCESS_GIVEN_UP' });
    expect((error!.cause as AggregateError).errors).toHaveLength(2);
    expect(orchestrator.state).toBe('failed');
    expect(told.filter((event) => event.startsWith('givenUp'))).toHaveLength(2);
    expect(state.isClosed).toBe(true);
  });

  it('status() is plain data', async () => {
    const { orchestrator, launcher } = await running();
    await startTask(launcher.of('a:Worker#1'), 't-1');
    const status = orchestrator.status();
    expect(status.replicas.map((replica) => [replica.replica, replica.state, replica.pid])).toEqual([
      ['a:Worker#1', 'ready', launcher.of('a:Worker#1').pid],
      ['b:Worker#1', 'ready', launcher.of('b:Worker#1').pid],
    ]);
    expect(status.replicas[0]!.tasks).toEqual([
      expect.objectContaining({ taskId: 't-1', worker: 'a:Worker' }),
    ]);
    expect(JSON.parse(JSON.stringify(status))).toMatchObject({ state: 'running' });
    await settled(orchestrator.stop());
  });
});

describe('stop', () => {
  it('waits for the processes, closes the connection, and resolves join()', async () => {
    const { orchestrator, launcher, guard, told, state } = await running();
    await settled(orchestrator.stop());
    await orchestrator.join();
    for (const process of launcher.launched) {
      expect(process.orders).toEqual(['run', 'stop']);
      expect(process.wasKilled).toBe(false);
    }
    expect(told).toEqual([
      'starting',
      'running',
      'stopping',
      'exit a:Worker#1 0',
      'exit b:Worker#1 0',
      'stopped',
    ]);
    expect(guard.isRunning).toBe(false);
    expect(state.isClosed).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('near the end of the grace period tasks are told to end, at its end processes are killed, their tasks reported', async () => {
    const { orchestrator, launcher, client } = bench({ types: ['a'] });
    launcher.behaviour.obeysStop = false;
    await orchestrator.start();
    await startTask(launcher.last, 't-1');
    const stopped = orchestrator.stop();
    await vi.advanceTimersByTimeAsync(GRACE_MS * 0.8 - 10);
    expect(launcher.last.orders).toEqual(['run', 'stop']);
    await vi.advanceTimersByTimeAsync(20);
    expect(launcher.last.orders).toEqual(['run', 'stop', 'abort']);
    expect(launcher.last.wasKilled).toBe(false);
    await vi.advanceTimersByTimeAsync(GRACE_MS * 0.2);
    expect(launcher.last.wasKilled).toBe(true);
    await settled(stopped);
    expect(client.updates[0]).toMatchObject({
      taskId: 't-1',
      status: 'FAILED',
      reasonForIncompletion: expect.stringContaining(
        'had not finished 10000 ms after it was told to stop',
      ) as string,
    });
  });

  it('kill() ends everything at once', async () => {
    const { orchestrator, launcher } = bench();
    launcher.behaviour.obeysStop = false;
    await orchestrator.start();
    orchestrator.kill('a second signal');
    await settled(orchestrator.join(), 100);
    for (const process of launcher.launched) expect(process.wasKilled).toBe(true);
    expect(orchestrator.state).toBe('stopped');
  });

  it('while it starts: start() ends without an error, nothing runs', async () => {
    const { orchestrator, launcher, told } = bench();
    launcher.behaviour.getsReady = false;
    const started = orchestrator.start();
    await vi.advanceTimersByTimeAsync(0);
    await settled(orchestrator.stop());
    await started;
    await orchestrator.join();
    for (const process of launcher.launched) expect(process.orders).toEqual(['stop']);
    expect(told).not.toContain('running');
  });

  it('while the connection is made: the folder of the run is removed', async () => {
    const root = mkdtempSync(join(tmpdir(), 'tutti-test-'));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    const folder = join(root, 'app');
    const directory = (await RunDirectory.open([chosenFolder(folder)], new RecordingLogger()))!;
    let connect!: (server: Awaited<ReturnType<OrchestratorOptions['connect']>>) => void;
    const { orchestrator, client } = bench({
      connect: () => new Promise((resolve) => (connect = resolve)),
    });
    const start = orchestrator.start();
    const stop = orchestrator.stop();
    const close = () => Promise.resolve();
    connect({ url: 'x', client, directory, clients: () => Promise.reject(new Error()), close });
    await Promise.all([start, stop]);
    expect(existsSync(folder)).toBe(false);
  });

  it('while the connection is made: it is closed again', async () => {
    let connect!: (server: Awaited<ReturnType<OrchestratorOptions['connect']>>) => void;
    const close = vi.fn<() => Promise<void>>(() => Promise.resolve());
    const { orchestrator, launcher } = bench({
      connect: () => new Promise((resolve) => (connect = resolve)),
    });
    const started = orchestrator.start();
    await settled(orchestrator.stop(), 10);
    const client = new FakeTaskClient();
    connect({ url: 'x', client, directory: undefined, clients: () => Promise.reject(new Error()), close });
    await started;
    expect(close).toHaveBeenCalledTimes(1);
    expect(launcher.launched).toEqual([]);
  });

  it('before start(): stopped; start() is refused then', async () => {
    const { orchestrator } = bench();
    await orchestrator.stop();
    await orchestrator.join();
    expect(orchestrator.state).toBe('stopped');
    await expect(orchestrator.start()).rejects.toMatchObject({ code: 'ILLEGAL_STATE' });
  });

  it('after start(): start() is refused as well, and not answered as the one before', async () => {
    const { orchestrator } = await running();
    await orchestrator.start();
    await settled(orchestrator.stop());
    await expect(orchestrator.start()).rejects.toMatchObject({ code: 'ILLEGAL_STATE' });
    expect(orchestrator.state).toBe('stopped');
  });

  it('comes to its end although the folder of the run cannot be put in order, and tells it', async () => {
    const { orchestrator, logger, state } = await running({ directory: await brokenDirectory() });
    await settled(orchestrator.stop());
    await orchestrator.join();
    expect(orchestrator.state).toBe('stopped');
    expect(state.isClosed).toBe(true);
    expect(logger.text).toContain('ENOTEMPTY');
  });

  it('twice is one stop; `await using` stops as well', async () => {
    const { orchestrator, launcher } = await running();
    await settled(
      Promise.all([orchestrator.stop(), orchestrator.stop(), orchestrator[Symbol.asyncDispose]()]),
    );
    expect(launcher.of('a:Worker#1').orders).toEqual(['run', 'stop']);
  });

  it('a process that waits for its restart is not started any more', async () => {
    const { orchestrator, launcher } = await running();
    launcher.of('a:Worker#1').end({ code: 1 });
    await settled(orchestrator.stop(), 600_000);
    expect(launcher.launched).toHaveLength(2);
  });

  it('does not wait for ever for a server that is away, and leaves nothing running', async () => {
    const { orchestrator, launcher, client } = bench({ types: ['a'] });
    client.answers.update = () =>
      Promise.reject(new HttpError('HTTP_NETWORK', 'no answer', { method: 'POST', path: '/tasks' }));
    launcher.behaviour.obeysStop = false;
    await orchestrator.start();
    await startTask(launcher.last, 't-1');
    orchestrator.kill('now');
    await settled(orchestrator.join());
    const { length } = client.updates;
    expect(length).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(client.updates).toHaveLength(length);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('exit code, where signals are handled', () => {
  test.each<[string, (made: ReturnType<typeof bench>) => Promise<void> | void, string | number | undefined]>([
    ['a clean stop leaves it alone', () => undefined, exitCodeBefore],
    [
      'work was cut off: 1',
      async ({ launcher }) => {
        for (const process of launcher.launched) process.behaviour.obeysStop = false;
        await startTask(launcher.of('a:Worker#1'), 't-1');
      },
      1,
    ],
    ['a worker was given up: 70', ({ launcher }) => launcher.of('a:Worker#1').end({ code: 78 }), 70],
  ])('%s', async (_title, act, exitCode) => {
    const made = await running({ handlesSignals: true });
    await act(made);
    await settled(made.orchestrator.stop());
    expect(process.exitCode).toBe(exitCode);
    expect(process.listenerCount('SIGTERM')).toBe(0);
  });

  it('a wrong configuration: 78', async () => {
    const { orchestrator, launcher } = bench({ handlesSignals: true });
    launcher.behaviour.getsReady = false;
    const start = orchestrator.start();
    await vi.advanceTimersByTimeAsync(0);
    for (const process of launcher.launched) process.end({ code: 78 });
    await settled(start);
    expect(process.exitCode).toBe(78);
  });

  it('with `signals: false` it is left alone, whatever happens', async () => {
    const { orchestrator, launcher } = await running();
    launcher.of('a:Worker#1').end({ code: 78 });
    expect(process.listenerCount('SIGTERM')).toBe(0);
    await settled(orchestrator.stop());
    expect(process.exitCode).toBe(exitCodeBefore);
  });
});

test('events come with EventEmitter, so that node:events can wait for them', async () => {
  const { orchestrator } = bench();
  const ready = once(orchestrator, 'ready');
  await orchestrator.start();
  expect((await ready)[0]).toMatchObject({ replica: 'a:Worker#1', state: 'ready' });
  await settled(orchestrator.stop());
});

test('a listener that throws or rejects is told in the log, and changes nothing else', async () => {
  const { orchestrator, launcher, logger, told } = bench();
  const events = ['state', 'ready', 'exit', 'restart', 'givenUp'] as const;
  for (const event of events) {
    orchestrator.prependListener(event, () => {
      throw new Error(`bad listener of ${event}`);
    });
  }
  const rejects = (): unknown => Promise.reject(new Error('late listener'));
  orchestrator.on('exit', rejects);
  let wasTold = 0;
  orchestrator.once('exit', () => wasTold++);
  await orchestrator.start();
  expect(orchestrator.state).toBe('running');
  launcher.of('a:Worker#1').end({ code: 1 });
  await vi.advanceTimersByTimeAsync(2_000);
  // Started again; at its second death it is given up.
  expect(launcher.launched).toHaveLength(3);
  launcher.last.end({ code: 1 });
  await vi.advanceTimersByTimeAsync(0);
  await settled(orchestrator.stop());
  await expect(orchestrator.join()).resolves.toBeUndefined();
  expect(told).toEqual(
    expect.arrayContaining(['running', 'restart a:Worker#1', 'givenUp a:Worker#1', 'stopped']),
  );
  expect(wasTold).toBe(1);
  for (const event of events) expect(logger.text).toContain(`bad listener of ${event}`);
  expect(logger.text).toContain('late listener');
});
