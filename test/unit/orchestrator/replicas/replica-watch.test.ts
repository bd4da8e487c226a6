import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Beat } from '../../../../src/protocol/messages.js';
import {
  ProcessInspector,
  type DescendantSample,
  type ProcessSample,
} from '../../../../src/os/process-inspector.js';
import { MemoryMeter } from '../../../../src/core/meter.js';
import { Ledger } from '../../../../src/orchestrator/ledger/ledger.js';
import type { ProcessDeath } from '../../../../src/orchestrator/ledger/process-death.js';
import { MemoryKiller } from '../../../../src/os/memory-killer.js';
import { Replica } from '../../../../src/orchestrator/replicas/replica.js';
import { FakeLauncher } from '../../../support/fake-launcher.js';
import { makeTask } from '../../../support/make-task.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const BLOCKED_MS = 10_000;
const BEAT: Beat = {
  loops: [],
  isDebugged: false,
  loopDelayMs: 0,
  loopUtilisation: 0,
  outbox: 0,
  lingeringMs: 0,
};

/** Tells of a process that uses no processor time. */
class FakeInspector extends ProcessInspector {
  override readonly isSupported: boolean = true;
  isHeld = false;
  override sample(): ProcessSample | undefined {
    return { isStopped: false, isRunning: false, cpuMs: 100, residentBytes: 2 ** 26 };
  }
  override descendants(): DescendantSample {
    return { cpuMs: 0, youngestAgeMs: Infinity };
  }
  override isHeldByDebugger(): Promise<boolean> {
    return Promise.resolve(this.isHeld);
  }
}

/** A system without /proc. */
class BlindInspector extends FakeInspector {
  override readonly isSupported = false;
  override sample(): undefined {
    return undefined;
  }
}

/** A replica with a running process; `pass` looks at it once a second. */
async function watchedReplica(inspector: FakeInspector) {
  const launcher = new FakeLauncher();
  const deaths: ProcessDeath[] = [];
  const replica = new Replica(
    {
      name: 'greet:GreetWorker#1',
      workers: [
        {
          key: 'greet:GreetWorker',
          taskType: 'greet',
          concurrency: 1,
          pollInterval: 100,
          blockedTimeout: BLOCKED_MS,
          file: undefined,
        },
      ],
    },
    {
      launcher,
      inspector,
      ledger: new Ledger(),
      meter: new MemoryMeter(),
      memoryKiller: new MemoryKiller(() => undefined),
      serverUrl: 'http://localhost/api',
      outboxFolder: undefined,
      resultsFolder: undefined,
      nativeCallsFolder: undefined,
      restart: { initialDelay: 3_600_000, maxDelay: 3_600_000, healthyAfter: 60_000, maxDeaths: 3 },
      restartsUnready: false,
      readyTimeoutMs: 5_000,
      orphanGraceMs: 1_000,
      logger: new RecordingLogger(),
    },
    {
      ready: () => undefined,
      died: (_replica, death) => deaths.push(death),
      restarting: () => undefined,
      givenUp: () => undefined,
    },
  );
  replica.start();
  await vi.advanceTimersByTimeAsync(0);
  replica.run();
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      replica.watch(performance.now());
    }
    await vi.advanceTimersByTimeAsync(0);
  };
  return { replica, launcher, deaths, pass, process: launcher.last };
}

/** Whether the lease of its first task may be extended. */
function leaseGate(replica: Replica): true | string {
  const [task] = replica.tasks();
  return task!.process.leaseGate(task!);
}

describe('a process without a sign of progress', () => {
  it('is ended in its time, and its tasks have failed for that reason', async () => {
    const { deaths, pass, process } = await watchedReplica(new FakeInspector());
    const begun = process.reporter
      .forWorker(0)
      .started([{ task: makeTask('a'), limitMs: undefined, deaths: 0, begins: true }]);
    await Promise.all([begun, pass(BLOCKED_MS / 1_000 - 1)]);
    expect(process.wasKilled).toBe(false);
    await pass(3);
    expect(deaths[0]?.reason).toContain(`it hangs: for ${BLOCKED_MS} ms`);
    expect(deaths[0]?.tasks.map((task) => task.taskId)).toEqual(['a']);
  });

  it('answers: it is idle, and left alone', async () => {
    const { pass, process } = await watchedReplica(new FakeInspector());
    for (let beats = 0; beats < 30; beats++) {
      process.say({ type: 'beat', ...BEAT });
      await pass(2);
    }
    expect(process.wasKilled).toBe(false);
  });
});

describe('a task beyond its execution time-out', () => {
  const beat = (process: FakeLauncher['last']): void => process.say({ type: 'beat', ...BEAT });

  it('whose process answers has ended, and its result is on its way: nobody is killed, its lease is kept', async () => {
    const { replica, pass, process } = await watchedReplica(new FakeInspector());
    const begun = process.reporter
      .forWorker(0)
      .started([{ task: makeTask('a'), limitMs: 1_000, deaths: 0, begins: true }]);
    await Promise.all([begun, pass(1)]);
    for (let beats = 0; beats < 20; beats++) {
      beat(process);
      await pass(2);
    }
    expect(process.wasKilled).toBe(false);
    expect(leaseGate(replica)).toBe(true);
  });

  it('has run only since its code began: time in which it waited for its turn does not count', async () => {
    const { replica, pass, process } = await watchedReplica(new FakeInspector());
    const reporter = process.reporter.forWorker(0);
    const told = reporter.started([{ task: makeTask('a'), limitMs: 4_000, deaths: 0, begins: false }]);
    await Promise.all([told, pass(1)]);
    for (let beats = 0; beats < 20; beats++) {
      beat(process);
      await pass(2);
    }
    beat(process);
    await Promise.all([reporter.begun('a'), pass(4)]);
    expect(process.wasKilled).toBe(false);
    expect(leaseGate(replica)).toBe(true);
    await pass(1);
    expect(leaseGate(replica)).toBe('it runs longer than 4000 ms');
  });
});

describe('under a debugger', () => {
  it('that the process tells of, nothing is held against it', async () => {
    const { pass, process } = await watchedReplica(new FakeInspector());
    process.say({ type: 'beat', ...BEAT, isDebugged: true });
    await pass(60);
    expect(process.wasKilled).toBe(false);
  });

  it('that it cannot tell of, neither, for as long as that is there', async () => {
    const inspector = new FakeInspector();
    inspector.isHeld = true;
    const { replica, pass, process } = await watchedReplica(inspector);
    await pass(60);
    expect(process.wasKilled).toBe(false);
    expect(replica.status(() => undefined).processes[0]?.idleMs).toBe(0);
    inspector.isHeld = false;
    await pass(BLOCKED_MS / 1_000 + 3);
    expect(process.wasKilled).toBe(true);
  });
});

describe('where the system does not tell what processes do', () => {
  it('a silent process may compute: it is left alone', async () => {
    const { pass, process } = await watchedReplica(new BlindInspector());
    await pass(600);
    expect(process.wasKilled).toBe(false);
  });

  it('its execution time-out ends it', async () => {
    const { deaths, pass, process } = await watchedReplica(new BlindInspector());
    const begun = process.reporter
      .forWorker(0)
      .started([{ task: makeTask('a'), limitMs: 1_000, deaths: 0, begins: true }]);
    await Promise.all([begun, pass(11)]);
    expect(process.wasKilled).toBe(false);
    await pass(2);
    expect(deaths[0]?.reason).toContain('task a ran longer than 1000 ms');
  });
});
