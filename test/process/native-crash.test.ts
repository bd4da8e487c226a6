import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Workflow } from 'tutti';
import { afterAll, describe, expect, test } from 'vitest';
import { appProcesses, type AppOptions, type AppProcess } from '../support/app-process.js';
import { isAlive } from '../support/processes.js';
import { buildNativeProject } from '../support/native-project.js';
import { serverOfEachTest } from '../support/task-server.js';

const SOURCE = `
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <pthread.h>
#ifdef _WIN32
#define API extern "C" __declspec(dllexport)
#else
#define API extern "C"
#endif
API void crash_segv() { volatile int *nowhere = nullptr; *nowhere = 1; }
API void crash_abort() { std::abort(); }
API void crash_throw() { throw std::runtime_error("thrown in native code"); }
API int crash_overflow(int depth) { volatile char block[4096]; block[0] = static_cast<char>(depth); return crash_overflow(depth + 1) + block[0]; }
API void crash_spin() { for (volatile unsigned i = 0;; i = i + 1) {} }
API void crash_exit(int code) { std::_Exit(code); }
static pthread_key_t key;
static const int made = pthread_key_create(&key, [](void *kept) { std::free(kept); });
API int crash_keep_for_thread() { pthread_setspecific(key, std::malloc(8)); return made; }
API int crash_block(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); return ms; }
`;

const project = buildNativeProject({ 'crash/crash.cpp': SOURCE });
afterAll(() => project.remove());
const server = serverOfEachTest('crash', 'limited');
const startApp = appProcesses();
const start = (bootstrap: AppOptions['bootstrap'] = {}) =>
  startApp('../native/crash-app', {
    serverUrl: server().url,
    env: { TUTTI_NATIVE_PATH: project.built },
    bootstrap,
  });
/** The records of native calls that an application holds. */
const records = async (app: AppProcess) => {
  const { custody } = await app.status();
  return readdirSync(join(custody!.outboxFolder!, '..', 'native-calls'));
};

describe.skipIf(!project.isBuilt || process.platform !== 'linux')('native code that goes wrong', () => {
  test.each([
    ['a segmentation fault', { call: 'segv' }, 'died of signal SIGSEGV', 'crash_segv'],
    ['abort()', { call: 'abort' }, 'died of signal SIGABRT', 'crash_abort'],
    ['a C++ exception through the boundary', { call: 'throw' }, 'died of signal SIGABRT', 'crash_throw'],
    ['a stack overflow', { call: 'overflow', argument: 0 }, 'died of signal SIGSEGV', 'crash_overflow'],
    ['exit()', { call: 'exit', argument: 3 }, 'exited with code 3', 'crash_exit'],
    [
      'a fault on the thread pool',
      { call: 'segvAsync' },
      'died of signal SIGSEGV',
      'crash_segv (asynchronously)',
    ],
    ['a call that blocks', { call: 'block', argument: 60_000 }, 'was killed: it hangs', 'crash_block'],
  ])(
    '%s costs one task and one process, and is told with its function',
    async (_what, input, death, where) => {
      const app = start();
      await app.ready();
      const pid = await app.workerPid('CrashWorker');
      const before = await records(app);
      const taskId = await server().run('crash', input);
      let diedAt = 0;
      await app.until(() => {
        diedAt ||= isAlive(pid) ? 0 : Date.now();
        return diedAt > 0;
      }, `${pid} to die`);
      const { reasonForIncompletion, endTime } = await server().has(taskId, 'FAILED');
      expect(endTime - diedAt).toBeLessThan(1_000);
      expect(reasonForIncompletion).toContain(`worker process crash:CrashWorker#1 (pid ${pid}) ${death}`);
      expect(reasonForIncompletion).toContain(` while calling libcrash.so ${where}`);
      const next = await server().run('crash', { call: 'echo' });
      expect((await server().has(next, 'COMPLETED')).outputData['pid']).not.toBe(pid);
      // The two workers have one each; that of the dead process is gone.
      const now = await records(app);
      expect(now).toHaveLength(2);
      expect(before.filter((name) => now.includes(name))).toHaveLength(1);
      app.signal('SIGTERM');
      expect((await app.ended()).code).toBe(0);
    },
  );

  test('an endless loop is ended at the limit of its task', async () => {
    const app = start();
    await app.ready();
    const taskId = await server().run('limited', { call: 'spin' });
    const { reasonForIncompletion } = await server().has(taskId, 'FAILED');
    expect(reasonForIncompletion).toContain('was killed: task ');
    expect(reasonForIncompletion).toContain(' ran longer than 500 ms');
    expect(reasonForIncompletion).toContain(' while calling libcrash.so crash_spin');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('a death outside of native code names no function', async () => {
    const app = start();
    await app.ready();
    const before = await server().run('crash', { call: 'block', argument: 1 });
    await server().has(before, 'COMPLETED');
    const pid = await app.workerPid('CrashWorker');
    const taskId = await server().run('crash', { call: 'blockAsync', argument: 1 });
    await server().has(taskId, 'COMPLETED');
    process.kill(pid, 'SIGKILL');
    const replica = await app.replica('CrashWorker', ({ pid: now }) => now !== undefined && now !== pid);
    expect(replica.lastError).toContain('died of signal SIGKILL');
    expect(replica.lastError).not.toContain('while calling');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('asynchronous calls under way are finished by the drain', async () => {
    const app = start();
    await app.ready();
    const tasks: string[] = [];
    for (let i = 0; i < 3; i++)
      tasks.push(await server().run('crash', { call: 'blockAsync', argument: 700 }));
    for (const taskId of tasks) await app.began(taskId);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
    for (const taskId of tasks) {
      expect((await server().has(taskId, 'COMPLETED')).outputData).toEqual({ value: 700 });
    }
  });

  test('a library that cleans up when its threads end does so when the process stops', async () => {
    const app = start();
    await app.ready();
    const taskId = await server().run('crash', { call: 'keepForThread' });
    await server().has(taskId, 'COMPLETED');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('a call that blocks its thread when the signal comes is finished by the drain', async () => {
    const app = start();
    await app.ready();
    const taskId = await server().run('crash', { call: 'block', argument: 1_000 });
    await app.began(taskId);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
    expect((await server().task(taskId)).status).toBe('COMPLETED');
  });

  test('an asynchronous call that does not end is cut off when the stop has had its time', async () => {
    const app = start({ stopGrace: 3_000 });
    await app.ready();
    const taskId = await server().run('crash', { call: 'blockAsync', argument: 60_000 });
    await app.began(taskId);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(1);
    const { reasonForIncompletion } = await server().has(taskId, 'FAILED');
    expect(reasonForIncompletion).toMatch(
      /^worker process crash:CrashWorker#1 \(pid \d+\) was killed: it had not finished 3000 ms after /,
    );
    expect(reasonForIncompletion).toContain(' while calling libcrash.so crash_block (asynchronously)');
  });

  test('a task that brings it down again and again ends for good', async () => {
    await server().define('crash', { retryCount: 10, retryDelaySeconds: 0 });
    const app = start();
    await app.ready();
    const first = await server().run('crash', { call: 'segv' });
    const { workflowInstanceId } = await server().task(first);
    const last = await app.until(async () => {
      const response = await fetch(`${server().url}/workflow/${workflowInstanceId}`);
      const { tasks } = (await response.json()) as Workflow;
      return tasks.find((task) => task.status === 'FAILED_WITH_TERMINAL_ERROR');
    }, 'the task to be failed for good');
    expect(last.reasonForIncompletion).toContain(
      'died of signal SIGSEGV while calling libcrash.so crash_segv',
    );
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });
});
