import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  ProcessInspector,
  type DescendantSample,
  type ProcessSample,
} from '../../../src/os/process-inspector.js';
import { OrphanGuard } from '../../../src/orchestrator/processes/orphan-guard.js';
import type { ProcessPlan } from '../../../src/orchestrator/processes/process-plan.js';
import { Supervisor } from '../../../src/orchestrator/supervisor.js';
import type { Beat } from '../../../src/protocol/messages.js';
import { FakeLauncher } from '../../support/fake-launcher.js';
import { FakeTaskClient } from '../../support/fake-task-client.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { makeTask } from '../../support/make-task.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const BEAT: Beat = {
  loops: [],
  isDebugged: false,
  loopDelayMs: 0,
  loopUtilisation: 0,
  outbox: 0,
  lingeringMs: 0,
};

class QuietInspector extends ProcessInspector {
  override readonly isSupported = true;
  override sample(): ProcessSample {
    return { isStopped: false, isRunning: false, cpuMs: 1, residentBytes: 2 ** 26 };
  }
  override descendants(): DescendantSample {
    return { cpuMs: 0, youngestAgeMs: Infinity };
  }
  override isHeldByDebugger(): Promise<boolean> {
    return Promise.resolve(false);
  }
}

function plan(type: string, fields: Partial<ProcessPlan['workers'][number]> = {}): ProcessPlan {
  const worker = {
    key: `${type}:Worker`,
    taskType: type,
    concurrency: 1,
    pollInterval: 100,
    blockedTimeout: 60_000,
    file: undefined,
    ...fields,
  };
  return { name: `${type}:Worker#1`, workers: [worker] };
}

/** A supervisor whose processes run. */
async function running(...replicas: ProcessPlan[]) {
  const launcher = new FakeLauncher();
  const logger = new RecordingLogger();
  const client = new FakeTaskClient();
  const events: string[] = [];
  const supervisor = new Supervisor(
    {
      replicas,
      launcher,
      guard: new OrphanGuard(logger, 'test'),
      connect: () => Promise.reject(new Error('not used')),
      logger,
      inspector: new QuietInspector(),
      restart: { initialDelay: 1_000, maxDelay: 8_000, healthyAfter: 60_000, maxDeaths: 3 },
      onStartupFailure: 'stop',
      handlesSignals: false,
      readyTimeoutMs: 5_000,
      stopGraceMs: 10_000,
      orphanGraceMs: 1_000,
    },
    {
      url: 'http://localhost/api',
      client,
      directory: undefined,
      clients: () => Promise.reject(new Error('not used')),
      close: () => client.close(),
    },
    {
      emit: (event: string, ..._data: unknown[]) => {
        events.push(event);
      },
      replicaChanged: () => undefined,
    },
  );
  supervisor.start({ replicas });
  await vi.advanceTimersByTimeAsync(0);
  supervisor.run();
  onTestFinished(async () => {
    const { stopped } = supervisor.stop(0, 'debug');
    await stopped;
    await supervisor.close(undefined);
  });
  const states = (): [string, string][] =>
    supervisor.replicas.map(({ plan: { name }, state }) => [name, state]);
  return { supervisor, launcher, events, states };
}

describe('reconcile()', () => {
  it('with the same plan again changes nothing', async () => {
    const { supervisor, launcher, states } = await running(plan('a'), plan('b'));
    await supervisor.reconcile({ replicas: [plan('a'), plan('b')] });
    expect(launcher.launched).toHaveLength(2);
    expect(states()).toEqual([
      ['a:Worker#1', 'ready'],
      ['b:Worker#1', 'ready'],
    ]);
  });

  it('starts what is new, and lets what is not wanted any more finish and leave', async () => {
    const { supervisor, launcher, states } = await running(plan('a'), plan('b'));
    const leaving = launcher.of('a:Worker#1');
    leaving.behaviour.obeysStop = false;
    let isDone = false;
    const done = supervisor.reconcile({ replicas: [plan('b'), plan('c')] }).then(() => (isDone = true));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(states()).toEqual([
      ['a:Worker#1', 'stopping'],
      ['b:Worker#1', 'ready'],
      ['c:Worker#1', 'ready'],
    ]);
    expect(launcher.of('c:Worker#1').orders).toEqual(['run']);
    expect(isDone).toBe(false);
    leaving.leave();
    await done;
    expect(states().map(([name]) => name)).toEqual(['b:Worker#1', 'c:Worker#1']);
  });

  it('replaces a process whose plan has changed, with its counts and what was tuned', async () => {
    const { supervisor, launcher, events } = await running(plan('a'));
    const [replica] = supervisor.replicas;
    const old = launcher.last;
    await Promise.all([
      old.reporter
        .forWorker(0)
        .started([{ task: makeTask('t'), limitMs: undefined, deaths: 0, begins: true }]),
      vi.advanceTimersByTimeAsync(1),
    ]);
    old.reporter.forWorker(0).finished('t', 'COMPLETED');
    await vi.advanceTimersByTimeAsync(1);
    replica!.tune('a:Worker', { pollInterval: 500 });
    const extra = plan('b').workers[0]!;
    const { name, workers } = plan('a', { concurrency: 7 });
    await supervisor.reconcile({ replicas: [{ name, workers: [extra, ...workers] }] });
    expect(launcher.launched).toHaveLength(2);
    expect(launcher.last.marker.workers).toEqual(['b:Worker', 'a:Worker']);
    expect(launcher.last.received).toEqual([{ type: 'tune', worker: 1, pollInterval: 500 }, { type: 'run' }]);
    expect(old.orders.at(-1)).toBe('stop');
    expect(events).toContain('replaced');
    const { counts, workers: shown } = supervisor.status().replicas[0]!;
    expect(counts.COMPLETED).toBe(1);
    expect(shown.map(({ key, concurrency, pollInterval }) => [key, concurrency, pollInterval])).toEqual([
      ['b:Worker', 1, 100],
      ['a:Worker', 7, 500],
    ]);
  });

  it('stops at a process that does not get ready; the one before goes on', async () => {
    const { supervisor, launcher, states } = await running(plan('a'), plan('b'));
    launcher.behaviour.getsReady = false;
    const changed = [plan('a', { concurrency: 2 }), plan('b', { concurrency: 2 })];
    const [outcome] = await Promise.allSettled([
      supervisor.reconcile({ replicas: changed }),
      Promise.resolve().then(() => launcher.last.end({ code: 1 })),
    ]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'PROCESS_FAILED' } });
    expect(launcher.launched).toHaveLength(3);
    expect(states().map(([, state]) => state)).toEqual(['ready', 'ready']);
  });
});

it('processes that are to be recycled are replaced one after the other', async () => {
  const limits = { recycleAfterMs: 10_000 };
  const { supervisor, launcher } = await running({ ...plan('a'), limits }, { ...plan('b'), limits });
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      for (const process of launcher.launched) process.say({ type: 'beat', ...BEAT });
    }
  };
  await pass(8);
  launcher.behaviour.getsReady = false;
  await pass(5);
  expect(launcher.launched).toHaveLength(3);
  launcher.last.sayReady();
  await pass(2);
  expect(launcher.launched).toHaveLength(4);
  launcher.behaviour.getsReady = true;
  launcher.last.sayReady();
  await pass(2);
  expect(launcher.launched).toHaveLength(4);
  expect(supervisor.status().replicas.map(({ restartsBy }) => restartsBy)).toEqual([{ age: 1 }, { age: 1 }]);
});
