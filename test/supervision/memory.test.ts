import { mkdirSync, mkdtempSync, readFileSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import { isAlive } from '../support/processes.js';
import { serverOfEachTest } from '../support/task-server.js';
import { until } from '../support/until.js';

const server = serverOfEachTest('act', 'picky');
const start = appProcesses();

function limited(env: Record<string, string>, workers = ['act']): AppProcess {
  return start('supervised', {
    serverUrl: server().url,
    workers,
    bootstrap: { restart: { initialDelay: 1, maxDelay: 1 } },
    env,
  });
}

/** The heap limits with which these processes were started, in MB. Each is asked by a task, whoever gets it. */
async function heapLimits(pids: readonly number[]): Promise<number[]> {
  const limits = new Map<number, number[]>();
  while (pids.some((pid) => !limits.has(pid))) {
    const task = await server().has(await server().run('act', { action: 'flags' }), 'COMPLETED');
    const { pid, flags } = task.outputData as { pid: number; flags: string[] };
    limits.set(
      pid,
      flags.flatMap((flag) => /^--max-old-space-size=(\d+)$/.exec(flag)?.[1] ?? []).map(Number),
    );
  }
  return pids.flatMap((pid) => limits.get(pid)!);
}

async function stopped(app: AppProcess): Promise<void> {
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
}

describe('a heap limit', () => {
  test('is the one that the worker asks for, and its exhaustion is named', async () => {
    const app = limited({ CONDUCTOR_WORKER_ACT_HEAP_LIMIT: '48' });
    await app.ready();
    expect(await heapLimits([await app.workerPid('act')])).toEqual([48]);
    const taskId = await server().run('act', { action: 'heap' });
    const { reasonForIncompletion } = await server().has(taskId, 'FAILED');
    expect(reasonForIncompletion).toContain('died: JavaScript heap out of memory (heapLimit 48 MB)');
    expect((await app.replica('act', (replica) => replica.restarts === 1)).restartsBy).toEqual({ memory: 1 });
    await stopped(app);
  });

  test('of the flags of the program is that of its processes', async () => {
    const app = start('supervised', { serverUrl: server().url, execArgv: ['--max-old-space-size=99'] });
    await app.ready();
    expect(await heapLimits([await app.workerPid('act')])).toEqual([99]);
    await stopped(app);
  });
});

test('`nice` is the priority of the processes', async () => {
  const app = limited({ CONDUCTOR_WORKER_ACT_NICE: '7' });
  await app.ready();
  expect(getPriority(await app.workerPid('act'))).toBe(7);
  await stopped(app);
});

describe('a process is replaced by a fresh one', () => {
  test('after so many tasks: the new one is ready before the old one leaves, and no task fails', async () => {
    const app = limited({ CONDUCTOR_WORKER_ACT_RECYCLE_AFTER_TASKS: '3' });
    await app.ready();
    const pid = await app.workerPid('act');
    const long = await server().run('act', { action: 'sleep', ms: 6_000 });
    const short: string[] = [];
    for (let count = 0; count < 3; count++) short.push(await server().run('act', { action: 'echo' }));
    for (const taskId of short) await server().has(taskId, 'COMPLETED');
    const replica = await app.replica('act', (one) => one.pid !== pid && one.state === 'ready');
    // The old one still has its task; the new one works already.
    expect(replica.processes.map(({ pid: id, role, tasks }) => [id, role, tasks])).toEqual([
      [replica.pid, 'current', 0],
      [pid, 'leaving', 1],
    ]);
    const next = await server().run('act', { action: 'echo' });
    expect((await server().has(next, 'COMPLETED')).outputData['pid']).toBe(replica.pid);
    expect((await server().has(long, 'COMPLETED')).outputData['pid']).toBe(pid);
    await app.until(() => !isAlive(pid), 'the old process to leave');
    const after = await app.replica('act');
    expect(after).toMatchObject({ restartsBy: { tasks: 1 }, lostToCrashes: 0, deathsInARow: 0 });
    expect(app.messages).toContainEqual(
      expect.objectContaining({
        event: 'replaced',
        data: expect.objectContaining({ cause: 'tasks', oldPid: pid, pid: replica.pid }) as object,
      }),
    );
    await stopped(app);
  });

  test('after some time', async () => {
    const app = limited({ CONDUCTOR_WORKER_ACT_RECYCLE_AFTER: '1000' });
    await app.ready();
    const replica = await app.replica('act', (one) => (one.restartsBy.age ?? 0) >= 2);
    expect(replica.lostToCrashes).toBe(0);
    await stopped(app);
  });

  test('above its resident limit; far above it, at once', async () => {
    const app = limited({ CONDUCTOR_WORKER_ACT_RESIDENT_LIMIT: '200' });
    await app.ready();
    const pid = await app.workerPid('act');
    const grown = await server().run('act', { action: 'hoard', mb: 150, ms: 4_000 });
    const replica = await app.replica('act', (one) => one.pid !== pid && one.state === 'ready');
    expect(replica.restartsBy).toEqual({ memory: 1 });
    expect((await server().has(grown, 'COMPLETED')).outputData['pid']).toBe(pid);
    await app.until(() => !isAlive(pid), 'the old process to leave');

    const swollen = await server().run('act', { action: 'hoard', mb: 500, ms: 600_000 });
    const { reasonForIncompletion } = await server().has(swollen, 'FAILED');
    expect(reasonForIncompletion).toMatch(/resident memory of \d+ MB is far above its limit of 200 MB/);
    await stopped(app);
  });

  test('that does not get ready: the old one goes on, and it is told', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tutti-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'do-not-start');
    const app = limited({ CONDUCTOR_WORKER_PICKY_RECYCLE_AFTER_TASKS: '1', TEST_TUTTI_DO_NOT_START: file }, [
      'picky',
    ]);
    await app.ready();
    const pid = await app.workerPid('picky');
    writeFileSync(file, '');
    await server().has(await server().run('picky', { action: 'echo' }), 'COMPLETED');
    const told = await app.until(
      () => app.messages.find((one) => one.type === 'event' && one.event === 'replaceFailed'),
      'the failure to be told',
    );
    expect(told).toMatchObject({
      data: { cause: 'tasks', message: expect.stringContaining('not today') as string },
    });
    const next = await server().run('picky', { action: 'echo' });
    expect((await server().has(next, 'COMPLETED')).outputData['pid']).toBe(pid);
    expect(await app.replica('picky')).toMatchObject({ pid, state: 'ready', restarts: 0 });
    await stopped(app);
  });
});

/** A control group of our own with a memory limit, where this machine lets us make one. */
function ownCgroup(limitBytes: number): string | undefined {
  for (const [root, file] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const folder = join(root, `tutti-test-${process.pid}`);
    try {
      mkdirSync(folder);
      writeFileSync(join(folder, file), String(limitBytes));
      if (Number(readFileSync(join(folder, file), 'utf8')) > 0) return folder;
    } catch {
      try {
        rmdirSync(folder);
      } catch {
        // It was not made.
      }
    }
  }
  return undefined;
}

describe('in a container with a memory limit', () => {
  test('of 1 GB with eight processes: their heaps fit in, and the one that leaks dies of its own limit alone', async (context) => {
    const mb = 1_024;
    const folder = ownCgroup(mb * 2 ** 20);
    if (folder === undefined) return context.skip();
    onTestFinished(async () => {
      await until(() => readFileSync(join(folder, 'cgroup.procs'), 'utf8') === '', 'the group to be empty');
      rmdirSync(folder);
    });
    const app = limited({ TEST_TUTTI_CGROUP: folder, CONDUCTOR_WORKER_ACT_PROCESSES: '8' });
    const { replicas } = await app.ready();
    const pids = replicas.map((replica) => replica.pid!);
    const heaps = await heapLimits(pids);
    expect(heaps).toHaveLength(8);
    expect(heaps.reduce((sum, heap) => sum + heap, 0)).toBeLessThanOrEqual(mb);
    const taskId = await server().run('act', { action: 'heap' });
    const { reasonForIncompletion } = await server().has(taskId, 'FAILED');
    expect(reasonForIncompletion).toContain(`died: JavaScript heap out of memory (heapLimit ${heaps[0]} MB)`);
    await app.until(async () => {
      const after = (await app.status()).replicas;
      return (
        after.every((replica) => replica.state === 'ready') && after.some((replica) => replica.restarts === 1)
      );
    }, 'the one to be started again');
    const after = (await app.status()).replicas;
    expect(after.filter((replica) => pids.includes(replica.pid!))).toHaveLength(7);
    expect(after.filter((replica) => replica.restarts > 0).map((replica) => replica.restartsBy)).toEqual([
      { memory: 1 },
    ]);
    await stopped(app);
  });

  test('heaps are a share of it, and what its memory killer does is named', async (context) => {
    const folder = ownCgroup(600 * 2 ** 20);
    if (folder === undefined) return context.skip();
    onTestFinished(async () => {
      await until(() => readFileSync(join(folder, 'cgroup.procs'), 'utf8') === '', 'the group to be empty');
      rmdirSync(folder);
    });
    const app = limited({ TEST_TUTTI_CGROUP: folder });
    await app.ready();
    const pid = await app.workerPid('act');
    // 600 MB · 0.9 - 100 MB for the orchestrator, three quarters of the rest.
    expect(await heapLimits([pid])).toEqual([330]);
    const taskId = await server().run('act', { action: 'hoard', mb: 700, ms: 600_000 });
    const { reasonForIncompletion } = await server().has(taskId, 'FAILED');
    expect(reasonForIncompletion).toContain("was killed by the system's memory killer (out of memory");
    expect((await app.replica('act', (replica) => replica.restarts === 1)).restartsBy).toEqual({ memory: 1 });
    await stopped(app);
  });
});
