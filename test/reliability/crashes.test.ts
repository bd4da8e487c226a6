import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { appProcesses, type AppOptions, type AppProcess } from '../support/app-process.js';
import { answers, faultyConductorOfEachTest } from '../support/faulty-conductor.js';
import { killHard } from '../support/processes.js';
import { executions, folderOfEachTest, killEverything, stateIn } from '../support/reliability.js';

const faulty = faultyConductorOfEachTest('act', 'step', 'mixed', 'other');
const folder = folderOfEachTest();
const start = appProcesses();
const RESTART = { initialDelay: 1, maxDelay: 1, maxDeaths: 100_000 };
/** Deaths and attempts of a task: `retried` tasks have ids of their own. */
const MANY_RETRIES = { retryCount: 10, retryDelaySeconds: 0 };

const withRestart = (): AppOptions => ({
  serverUrl: faulty().url,
  bootstrap: { restart: RESTART },
  env: stateIn(folder()),
});
const startApp = (): AppProcess => start('app', withRestart());
const startWorker = (type: string): AppProcess =>
  start('../reliability/app', { ...withRestart(), workers: [type] });

describe('a process that dies', () => {
  test('has its tasks reported within a second of its end, whatever it died of', async () => {
    const app = startApp();
    await app.ready();
    const deaths = [
      [{ action: 'exit', code: 0 }, 'exited with code 0'],
      [{ action: 'exit', code: 3 }, 'exited with code 3'],
      [{ action: 'throwLater' }, 'failed: stray timer'],
      [{ action: 'rejectLater' }, 'failed: stray promise'],
      [{ action: 'kill', signal: 'SIGSEGV' }, 'died of signal SIGSEGV'],
      [{ action: 'kill', signal: 'SIGKILL' }, 'died of signal SIGKILL'],
    ] as const;
    for (const [input, reason] of deaths) {
      const { pid } = await app.replica('act', (replica) => replica.state === 'ready');
      const taskId = await faulty().server.run('act', input);
      const { reasonForIncompletion, endTime } = await faulty().server.has(taskId, 'FAILED');
      expect(reasonForIncompletion).toContain(reason);
      const { at } = await app.until(
        () =>
          app.messages.flatMap((message) =>
            message.type === 'event' && message.event === 'gone' && message.data['pid'] === pid
              ? [message.data as { readonly at: number }]
              : [],
          )[0],
        `process ${pid} to be gone`,
      );
      // On one clock: when the system said that the process is gone, and when the server had the report.
      expect(endTime - at, reason).toBeLessThan(1_000);
    }
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('while the server is away: the report waits, and arrives when it is back', async () => {
    const app = startApp();
    await app.ready();
    const taskId = await faulty().server.run('act', { action: 'never' });
    await app.began(taskId);
    await faulty().down();
    killHard(await app.workerPid('act'));
    await app.until(async () => (await app.status()).custody!.outbox === 1, 'the report in the outbox');
    expect((await faulty().server.task(taskId)).status).toBe('IN_PROGRESS');
    await faulty().up();
    expect((await faulty().server.has(taskId, 'FAILED')).reasonForIncompletion).toContain('SIGKILL');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('while the server is away, and everything else dies as well: the next start reports it', async () => {
    const app = startApp();
    await app.ready();
    const taskId = await faulty().server.run('act', { action: 'never' });
    await app.began(taskId);
    await faulty().down();
    killHard(await app.workerPid('act'));
    await app.until(async () => (await app.status()).custody!.outbox === 1, 'the report in the outbox');
    await killEverything(app);
    await faulty().up();
    const next = start('app', { serverUrl: faulty().url, env: stateIn(folder()) });
    expect((await faulty().server.has(taskId, 'FAILED')).reasonForIncompletion).toContain('SIGKILL');
    await next.ready();
    next.signal('SIGTERM');
    expect((await next.ended()).code).toBe(0);
  });

  test('has no report for a task whose result is in its outbox; that is sent instead', async () => {
    const app = startWorker('act');
    await app.ready();
    const refusal = faulty().on({ method: 'POST', body: 'COMPLETED' }, { answer: answers.unavailable });
    const done = await faulty().server.run('act', { action: 'echo', text: 'computed' });
    await app.replica('act', (replica) => replica.tasks.some((task) => task.state === 'stored'));
    const running = await faulty().server.run('act', { action: 'never' });
    await app.began(running);
    killHard(await app.workerPid('act'));
    await faulty().server.has(running, 'FAILED');
    refusal.end();
    expect((await faulty().server.has(done, 'COMPLETED')).outputData).toMatchObject({
      input: { text: 'computed' },
    });
    expect(
      faulty()
        .resultsOf(done)
        .every((body) => body.status === 'COMPLETED'),
    ).toBe(true);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });
});

describe('a task that the server gave to a process without anyone knowing', () => {
  test('is given back after the process has died', async () => {
    const app = startWorker('step');
    await app.ready();
    // The answer of the poll is kept on its way; the server has handed the task out.
    let release!: () => void;
    const answer = new Promise<void>((resolve) => (release = resolve));
    const held = faulty().server.hold('/tasks/poll/batch/step');
    const taskId = await faulty().server.run('step');
    await faulty().server.has(taskId, 'IN_PROGRESS');
    killHard(await app.workerPid('step'));
    await faulty().server.has(taskId, 'SCHEDULED');
    held();
    release();
    await answer;
    await faulty().server.has(taskId, 'COMPLETED');
    expect((await app.status()).custody!.swept).toBe(1);
    expect(app.stderr).toContain(
      'giving back a task that the server gave to a process which does not have it',
    );
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('is given back by the next start when the whole application has died', async () => {
    const app = start('../reliability/app', {
      serverUrl: faulty().url,
      workers: ['step'],
      env: stateIn(folder()),
    });
    await app.ready();
    const held = faulty().server.hold('/tasks/poll/batch/step');
    const taskId = await faulty().server.run('step');
    await faulty().server.has(taskId, 'IN_PROGRESS');
    await killEverything(app);
    held();
    const next = start('../reliability/app', {
      serverUrl: faulty().url,
      workers: ['step'],
      env: stateIn(folder()),
    });
    await faulty().server.has(taskId, 'COMPLETED');
    await next.ready();
    next.signal('SIGTERM');
    expect((await next.ended()).code).toBe(0);
  });

  test('is given back when the answer of the poll is lost on its way, also after an outage', async () => {
    const app = start('../reliability/app', {
      serverUrl: faulty().url,
      workers: ['step'],
      env: stateIn(folder()),
    });
    await app.ready();
    const pid = await app.workerPid('step');
    faulty().on({ path: '/tasks/poll/batch/step' }, { cut: 'after' }, 1);
    // Whatever poll is under way brings nothing before the one that is cut.
    const taskIds = [
      await faulty().server.run('step'),
      await faulty().server.run('step'),
      await faulty().server.run('step'),
    ];
    await app.wrote('a poll failed');
    await faulty().down();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await faulty().up();
    for (const taskId of taskIds) await faulty().server.has(taskId, 'COMPLETED');
    expect((await app.status()).custody!.swept).toBeGreaterThan(0);
    expect(await app.workerPid('step')).toBe(pid);
    const counts = executions(join(folder(), 'executions'));
    expect(taskIds.map((taskId) => counts.get(taskId))).toEqual([1, 1, 1]);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('waits for its response time-out where the server cannot be searched, which is said once', async () => {
    faulty().on({ path: '/tasks/search-v2' }, { answer: { status: 501, body: '{"message":"no index"}' } });
    const app = startApp();
    await app.ready();
    for (let death = 0; death < 2; death++) {
      const taskId = await faulty().server.run('act', { action: 'exit', code: 1 });
      await faulty().server.has(taskId, 'FAILED');
    }
    await app.until(() => faulty().of('/tasks/search-v2').length >= 3, 'three sweeps');
    expect(app.stderr.match(/the server cannot be searched/g)).toHaveLength(1);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });
});

test('the tasks of an application that died are left alone while its processes still finish them', async () => {
  const options = { serverUrl: faulty().url, env: stateIn(folder()), bootstrap: { orphanGrace: 8_000 } };
  const app = start('app', options);
  await app.ready();
  const taskId = await faulty().server.run('act', { action: 'sleep', ms: 3_000 });
  await app.began(taskId);
  // Only the orchestrator: its worker process goes on for a while, and a supervisor starts the program again at once.
  killHard(app.pid);
  const next = start('app', options);
  await next.ready();
  expect(await faulty().server.has(taskId, 'COMPLETED')).toMatchObject({ pollCount: 1 });
  expect(next.hasBegun(taskId)).toBe(false);
  await app.allGone();
  next.signal('SIGTERM');
  expect((await next.ended()).code).toBe(0);
});

describe('a task that kills its process', () => {
  test('is found among ten: alone after the first death, failed for good after the third, neighbours are unharmed', async () => {
    await faulty().server.define('mixed', MANY_RETRIES);
    const app = startWorker('mixed');
    await app.ready();
    const good: string[] = [];
    for (let number = 0; number < 5; number++) good.push(await faulty().server.startOf('mixed', { ms: 400 }));
    const bad = await faulty().server.startOf('mixed', { isBad: true, ms: 400 });
    for (let number = 0; number < 5; number++) good.push(await faulty().server.startOf('mixed', { ms: 400 }));

    const end = await faulty().server.ended(bad);
    expect(end.status).toBe('FAILED');
    expect(end.tasks.map((task) => task.status)).toEqual(['FAILED', 'FAILED', 'FAILED_WITH_TERMINAL_ERROR']);
    expect(end.tasks[2]?.reasonForIncompletion).toMatch(
      /^\[process died 3 times with this task\] worker process mixed/,
    );
    for (const workflowId of good) {
      const workflow = await faulty().server.ended(workflowId);
      expect(workflow.status).toBe('COMPLETED');
      // Nobody is blamed for good, and nobody dies with the suspect a second time.
      expect(workflow.tasks.length).toBeLessThanOrEqual(2);
    }
    expect((await app.replica('mixed')).restarts).toBe(3);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  // One costs three, see above.
  test.each([2, 5])(
    'and %i of them among fifteen cost 3 + 2(k − 1) processes at most; the worker is not given up',
    async (k) => {
      await faulty().server.define('mixed', MANY_RETRIES);
      const app = start('../reliability/app', {
        ...withRestart(),
        workers: ['mixed'],
        // The number of deaths is that of the default.
        bootstrap: { restart: { initialDelay: 1, maxDelay: 1 } },
      });
      await app.ready();
      const bad: string[] = [];
      const good: string[] = [];
      for (let number = 0; number < 15; number++) {
        const isBad = number % 3 === 0 && bad.length < k;
        (isBad ? bad : good).push(await faulty().server.startOf('mixed', { isBad, ms: 100 }));
      }
      for (const workflowId of bad) {
        const { tasks } = await faulty().server.ended(workflowId);
        expect(tasks.at(-1)?.status).toBe('FAILED_WITH_TERMINAL_ERROR');
      }
      for (const workflowId of good) {
        const { status, tasks } = await faulty().server.ended(workflowId);
        expect(status).toBe('COMPLETED');
        expect(tasks.length).toBeLessThanOrEqual(2);
      }
      const { restarts, state, deathsInARow } = await app.replica(
        'mixed',
        (replica) => replica.state === 'ready',
      );
      expect(restarts).toBeGreaterThan(k);
      expect(restarts).toBeLessThanOrEqual(3 + 2 * (k - 1));
      expect([state, deathsInARow <= k]).toEqual(['ready', true]);
      app.signal('SIGTERM');
      expect((await app.ended()).code).toBe(0);
    },
  );

  test('or is in one that does, keeps the output of an earlier IN_PROGRESS', async () => {
    await faulty().server.define('mixed', MANY_RETRIES);
    const app = startWorker('mixed');
    await app.ready();
    const output = { step: 1 };
    const half = await faulty().server.startOf('mixed', { output, ms: 60_000 });
    const taskId = (await faulty().server.workflow(half)).tasks[0]!.taskId;
    // Its first call has returned that output; the second one waits.
    await app.until(async () => (await faulty().server.task(taskId)).pollCount === 2, 'the second call');
    await app.replica('mixed', (replica) => replica.tasks.some((task) => task.state === 'running'));
    killHard(await app.workerPid('mixed'));
    const failed = await faulty().server.has(taskId, 'FAILED');
    expect(failed.outputData).toEqual(output);
    expect(failed.reasonForIncompletion).toContain('process died 1 time');
    await faulty().server.terminate(half);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('or only seemed to, has others beside it when it has lived for a while', async () => {
    await faulty().server.define('mixed', MANY_RETRIES);
    const app = startWorker('mixed');
    await app.ready();
    const long = await faulty().server.startOf('mixed', { ms: 20_000 });
    await app.began((await faulty().server.workflow(long)).tasks[0]!.taskId);
    killHard(await app.workerPid('mixed'));
    const second = await app.until(
      async () => (await faulty().server.workflow(long)).tasks[1],
      'the second attempt',
    );
    await app.began(second.taskId);
    const other = await faulty().server.run('mixed', { ms: 0 });
    await faulty().server.has(other, 'COMPLETED');
    expect((await faulty().server.task(second.taskId)).status).toBe('IN_PROGRESS');
    expect((await faulty().server.ended(long)).status).toBe('COMPLETED');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('is known after a restart of everything: the count is on the server', async () => {
    await faulty().server.define('mixed', { ...MANY_RETRIES, retryDelaySeconds: 1 });
    const options = {
      serverUrl: faulty().url,
      workers: ['mixed'],
      bootstrap: { restart: { initialDelay: 60_000, maxDelay: 60_000 } },
      env: stateIn(folder()),
    };
    const bad = await faulty().server.startOf('mixed', { isBad: true });
    for (let death = 1; death <= 3; death++) {
      const app = start('../reliability/app', options);
      const marker =
        death === 1 ? '[process died 1 time with this task]' : `[process died ${death} times with this task]`;
      await app.until(async () => {
        const { tasks } = await faulty().server.workflow(bad);
        return tasks[death - 1]?.reasonForIncompletion?.startsWith(marker);
      }, `death ${death} to be told`);
      await killEverything(app);
    }
    const { status, tasks } = await faulty().server.ended(bad);
    expect(status).toBe('FAILED');
    expect(tasks.map((task) => task.status)).toEqual(['FAILED', 'FAILED', 'FAILED_WITH_TERMINAL_ERROR']);
    expect(readFileSync(join(folder(), 'executions'), 'utf8').trim().split('\n')).toHaveLength(3);
  });
});
