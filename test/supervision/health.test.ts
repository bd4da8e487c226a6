import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { OrchestratorStatus } from '../../src/orchestrator/status/status.js';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import { folderOfEachTest } from '../support/reliability.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest('act', 'other', 'picky');
const folder = folderOfEachTest();
const start = appProcesses();
const TOKEN = 'the-token-of-these-tests';

interface Answer {
  readonly status: number;
  readonly body: {
    readonly reasons?: readonly string[];
    readonly notes?: readonly string[];
    readonly result?: unknown;
    readonly error?: string;
  };
}

function healthy(
  options: { workers?: string[]; commands?: boolean; env?: Record<string, string> } = {},
): AppProcess {
  return start('supervised', {
    serverUrl: server().url,
    workers: options.workers ?? ['act', 'other'],
    bootstrap: {
      health: { port: 0, commands: options.commands ?? false, token: TOKEN },
      longTaskWarning: 500,
      restart: { initialDelay: 1, maxDelay: 1, maxDeaths: 2 },
    },
    env: options.env ?? {},
  });
}

async function get(app: AppProcess, path: string, init: RequestInit = {}): Promise<Answer> {
  const { healthUrl } = await app.status();
  const response = await fetch(`${healthUrl}${path}`, init);
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

async function command(app: AppProcess, name: string, body: object = {}): Promise<Answer> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` };
  return await get(app, `/commands/${name}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function becomes(app: AppProcess, path: string, status: number, limitMs?: number): Promise<Answer> {
  return await app.until(
    async () => {
      const answer = await get(app, path);
      return answer.status === status && answer;
    },
    `${path} to answer ${status}`,
    limitMs,
  );
}

/** A task that computes until it is told to end, however long that takes. */
async function compute(type: string): Promise<{ readonly taskId: string; end(): void }> {
  const untilFile = join(folder(), 'end');
  const taskId = await server().run(type, { action: 'busy', ms: 600_000, untilFile });
  return { taskId, end: () => writeFileSync(untilFile, '') };
}

async function stopped(app: AppProcess, code = 0): Promise<void> {
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(code);
}

describe('health', () => {
  test('is told on the loopback interface: an application that runs is live, ready and started', async () => {
    const app = healthy();
    await app.ready();
    expect((await app.status()).healthUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    for (const path of ['/livez', '/readyz', '/startupz']) {
      expect(await get(app, path)).toEqual({ status: 200, body: { status: 'ok', reasons: [], notes: [] } });
    }
    const { body } = await get(app, '/status');
    expect(body).toMatchObject({
      state: 'running',
      replicas: [{ replica: 'act:act#1' }, { replica: 'other:other#1' }],
    });
    expect((await get(app, '/elsewhere')).status).toBe(404);
    await stopped(app);
  });

  test('an unreachable server makes it unready, not dead', async () => {
    const app = healthy();
    await app.ready();
    await server().down();
    // Each worker finds out for itself.
    await app.until(async () => {
      const { status, body } = await get(app, '/readyz');
      const reasons = body.reasons?.join('\n') ?? '';
      return (
        status === 503 &&
        ['act:act', 'other:other'].every((key) => reasons.includes(`${key}: the server does`))
      );
    }, 'both workers to miss the server');
    expect((await get(app, '/livez')).status).toBe(200);
    await server().up();
    await becomes(app, '/readyz', 200);
    await stopped(app);
  });

  test('a worker that blocks, or is stopped by a signal, makes it dead within 30 s; one that computes does not', async () => {
    const app = healthy({ workers: ['act', 'picky', 'other'] });
    await app.ready();
    const busy = await compute('other');
    await app.began(busy.taskId);
    await app.began(await server().run('act', { action: 'block' }));
    process.kill(await app.workerPid('picky'), 'SIGSTOP');
    const { body } = await app.until(
      async () => {
        const answer = await get(app, '/livez');
        return answer.status === 503 && answer.body.reasons?.length === 2 && answer;
      },
      '/livez to answer 503 with two reasons',
      30_000,
    );
    expect(body.reasons?.[0]).toContain('act:act#1');
    expect(body.reasons?.[1]).toContain('picky:PickyWorker#1');
    expect((await get(app, '/readyz')).status).toBe(503);
    busy.end();
    await server().has(busy.taskId, 'COMPLETED');
    for (const name of ['act', 'picky']) process.kill(await app.workerPid(name), 'SIGKILL');
    await becomes(app, '/livez', 200);
    await stopped(app);
  });

  test('a worker that was given up makes it unready, with the reason', async () => {
    const app = healthy({ commands: true });
    await app.ready();
    for (let count = 0; count < 2; count++) {
      await app.replica('act', (replica) => replica.state === 'ready');
      await server().run('act', { action: 'exit', code: 3 });
      await app.replica('act', (replica) => replica.deathsInARow === count + 1);
    }
    await app.replica('act', (replica) => replica.state === 'failed');
    const { body } = await becomes(app, '/readyz', 503);
    expect(body.reasons?.join('\n')).toMatch(
      /act:act#1 is given up after 2 deaths in a row: .*exited with code 3/,
    );
    expect((await command(app, 'restart', { worker: 'act' })).body.result).toEqual(['act:act#1']);
    await becomes(app, '/readyz', 200);
    await stopped(app);
  });

  test('a port that is taken is a configuration error', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const app = start('supervised', { serverUrl: server().url, env: { TUTTI_HEALTH_PORT: String(port) } });
    expect((await app.ended()).code).toBe(78);
    expect(app.stderr).toContain(
      `health: cannot listen on 127.0.0.1:${port}: the port is taken by another program`,
    );
  });
});

describe('commands', () => {
  test('are refused unless they are allowed, and never follow from a page in a browser', async () => {
    const app = healthy();
    await app.ready();
    expect((await command(app, 'pause')).status).toBe(403);
    await stopped(app);
    const open = healthy({ commands: true });
    await open.ready();
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await get(open, '/commands/pause', { method: 'POST', body: '{}' })).status).toBe(401);
    expect((await get(open, '/commands/pause', { method: 'POST', body: '{}', headers })).status).toBe(415);
    expect((await get(open, '/commands/pause', { headers })).status).toBe(405);
    expect((await command(open, 'explode')).status).toBe(404);
    await stopped(open);
  });

  test('take the token that was written to a file when none was given', async () => {
    const app = start('supervised', {
      serverUrl: server().url,
      bootstrap: { health: { port: 0, commands: true } },
    });
    await app.ready();
    const file = /commands need the token in this file.* file=(\S+)/.exec(app.stderr)?.[1] ?? '';
    const authorization = `Bearer ${readFileSync(file, 'utf8').trim()}`;
    const headers = { 'content-type': 'application/json', authorization };
    const sent = await get(app, '/commands/pause', { method: 'POST', body: '{}', headers });
    expect(sent).toEqual({ status: 200, body: { result: ['act:act'] } });
    await stopped(app);
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });

  test('pause, resume, concurrency, interval', async () => {
    const app = healthy({ commands: true });
    await app.ready();
    expect(await command(app, 'pause', { worker: 'act' })).toEqual({
      status: 200,
      body: { result: ['act:act'] },
    });
    await app.replica('act', ({ workers: [worker] }) => worker?.isPaused === true);
    expect((await get(app, '/readyz')).body.notes).toEqual(['act:act is paused']);
    const other = await server().run('other', { action: 'echo' });
    await server().has(other, 'COMPLETED');
    // A poll that is under way may still bring one.
    await app.until(async () => {
      const taskId = await server().run('act', { action: 'echo' });
      const isPolled = server().requests.some(
        ({ path, status }) => path.endsWith('/tasks/poll/batch/act') && status === undefined,
      );
      return !isPolled && (await server().task(taskId)).status === 'SCHEDULED';
    }, 'polls to end');
    // A restart does not forget it.
    await command(app, 'restart', { worker: 'act' });
    expect((await app.replica('act')).workers[0]?.isPaused).toBe(true);
    expect(await server().queued('act')).toBeGreaterThan(0);

    await command(app, 'concurrency', { worker: 'act', concurrency: 1 });
    await command(app, 'interval', { worker: 'act:act', pollInterval: 50 });
    await command(app, 'resume');
    await app.until(async () => (await server().queued('act')) === 0, 'the queue to be empty');
    const slow = [];
    for (let count = 0; count < 3; count++)
      slow.push(await server().run('act', { action: 'sleep', ms: 300 }));
    await app.began(slow[0]!);
    expect((await app.replica('act')).tasks).toHaveLength(1);
    for (const taskId of slow) await server().has(taskId, 'COMPLETED');
    expect((await app.replica('act')).workers[0]).toMatchObject({
      concurrency: 1,
      pollInterval: 50,
      isPaused: false,
    });
    await stopped(app);
  });

  test('resume lets a worker poll that the environment has paused', async () => {
    const app = healthy({ commands: true, env: { CONDUCTOR_WORKER_ACT_PAUSED: 'true' } });
    await app.ready();
    expect((await app.replica('act')).workers[0]?.isPaused).toBe(true);
    const waiting = await server().run('act', { action: 'echo' });
    const polls = (type: string): number => server().of(`/tasks/poll/batch/${type}`).length;
    await app.until(() => polls('other') >= 3, 'the other worker to have polled three times');
    expect(polls('act')).toBe(0);
    expect((await command(app, 'resume', { worker: 'act' })).body.result).toEqual(['act:act']);
    await server().has(waiting, 'COMPLETED');
    await stopped(app);
  });

  test('that are wrong say what is', async () => {
    const app = healthy({ commands: true });
    await app.ready();
    expect(await command(app, 'pause', { worker: 'actt' })).toEqual({
      status: 404,
      body: { error: 'there is no worker "actt"; did you mean "act"?' },
    });
    const wrong = await command(app, 'concurrency', { worker: 'act', concurrency: 0 });
    expect([wrong.status, wrong.body.error]).toEqual([
      400,
      'expected `concurrency` to be an integer from 1 to 10000, got 0 (number)',
    ]);
    expect((await command(app, 'concurrency', { concurrency: 1 })).status).toBe(400);
    await stopped(app);
  });

  test('restart replaces a process without losing its tasks', async () => {
    const app = healthy({ commands: true });
    await app.ready();
    const pid = await app.workerPid('act');
    const taskId = await server().run('act', { action: 'sleep', ms: 2_000 });
    await app.began(taskId);
    expect((await command(app, 'restart', { worker: 'act' })).body.result).toEqual(['act:act#1']);
    const replica = await app.replica('act');
    expect(replica.pid).not.toBe(pid);
    expect(replica.restartsBy).toEqual({ command: 1 });
    expect((await server().has(taskId, 'COMPLETED')).outputData['pid']).toBe(pid);
    await stopped(app);
  });

  test('drain waits for its tasks however long they take, and the application stops', async () => {
    const app = start('supervised', {
      serverUrl: server().url,
      bootstrap: { health: { port: 0, commands: true, token: TOKEN }, stopGrace: 500 },
    });
    await app.ready();
    const taskId = await server().run('act', { action: 'sleep', ms: 3_000 });
    await app.began(taskId);
    expect((await command(app, 'drain')).body.result).toBe('ok');
    expect(await app.ended()).toEqual({ code: 0, signal: null });
    expect((await server().task(taskId)).status).toBe('COMPLETED');
  });

  test('a signal during a drain begins the grace period', async () => {
    const app = start('supervised', {
      serverUrl: server().url,
      bootstrap: { health: { port: 0, commands: true, token: TOKEN }, stopGrace: 500 },
    });
    await app.ready();
    const taskId = await server().run('act', { action: 'never' });
    await app.began(taskId);
    await command(app, 'drain');
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(1);
    expect((await server().task(taskId)).status).toBe('FAILED');
  });
});

describe('what is shown', () => {
  test('SIGQUIT prints the status; figures of the processes are in it', async () => {
    const app = healthy();
    await app.ready();
    const { taskId, end } = await compute('act');
    // On a machine that is busy anyway its share is small, but a multiple of what an idle process uses.
    await app.until(async () => {
      const [act, other] = (await app.status()).replicas.map(({ processes: [one] }) => one?.cpuPercent);
      return act !== undefined && other !== undefined && act > 3 * other + 3;
    }, 'the figures to show which process computes');
    app.signal('SIGQUIT');
    const printed = await app.until(
      () => /^\{\n {2}"state"[^]*?^\}$/m.exec(app.stderr)?.[0],
      'the status to be printed',
    );
    const { replicas } = JSON.parse(printed) as OrchestratorStatus;
    expect(replicas[0]?.tasks[0]).toMatchObject({ taskId, state: 'running' });
    expect(replicas[0]?.tasks[0]?.leaseLeftMs).toBeGreaterThan(0);
    expect(replicas[0]?.tasks[0]?.leaseLeftMs).toSatisfy(Number.isInteger);
    expect(replicas[0]?.processes[0]?.residentMb).toBeGreaterThan(20);
    expect(replicas[0]?.received).toBe(1);
    end();
    await server().has(taskId, 'COMPLETED');
    // The server has the result before the orchestrator hears of it.
    await app.replica(
      'act',
      ({ processes: [one], counts }) => one?.loopDelayMs !== undefined && counts.COMPLETED === 1,
    );
    await stopped(app);
  });

  test('a task without a limit that runs for long is warned about, once', async () => {
    const app = healthy();
    await app.ready();
    const taskId = await server().run('act', { action: 'sleep', ms: 5_000 });
    const limited = await server().run('other', { action: 'echo' });
    await server().has(taskId, 'COMPLETED');
    await server().has(limited, 'COMPLETED');
    const told = app.messages.filter((one) => one.type === 'event' && one.event === 'longTask');
    expect(told).toEqual([
      expect.objectContaining({ data: expect.objectContaining({ taskId, worker: 'act:act' }) as object }),
    ]);
    expect(app.stderr.split('a task runs for long').length).toBe(2);
    await stopped(app);
  });
});
