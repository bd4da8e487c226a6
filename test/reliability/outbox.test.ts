import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import { answers, faultyConductorOfEachTest } from '../support/faulty-conductor.js';
import { executions, folderOfEachTest, killEverything, stateIn } from '../support/reliability.js';

const faulty = faultyConductorOfEachTest('act', 'step', 'twin', 'durable', 'twice');
const folder = folderOfEachTest();
/** Far more than a stop without running tasks takes, and far less than for ever. */
const STOP_LIMIT_MS = 30_000;
const start = appProcesses();

function startApp(type: string, env: Readonly<Record<string, string>> = {}): AppProcess {
  return start('../reliability/app', {
    serverUrl: faulty().url,
    workers: [type],
    env: stateIn(folder(), env),
  });
}

/** Everything below the state folder, as paths. */
function files(): string[] {
  const state = join(folder(), 'state');
  if (!existsSync(state)) return [];
  return readdirSync(state, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const stored = (): string[] => files().filter((file) => file.endsWith('.result.json'));

async function stop(app: AppProcess): Promise<void> {
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
}

describe('a result that the server refuses', () => {
  test('is sent once more to a server that took the one before, then goes to disk; its place is free, and it is sent until it is taken', async () => {
    // One place only: the second task could not run while the first one kept it.
    const app = startApp('step', { CONDUCTOR_WORKER_STEP_CONCURRENCY: '1' });
    await app.ready();
    await faulty().server.has(await faulty().server.run('step', { text: 'well' }), 'COMPLETED');
    const refusal = faulty().on(
      { method: 'POST', path: /^\/tasks(\/update-v2)?$/ },
      { answer: answers.unavailable },
    );
    const taskIds: string[] = [];
    for (let number = 0; number < 5; number++)
      taskIds.push(await faulty().server.run('step', { text: `no ${number}` }));
    for (const taskId of taskIds) await app.began(taskId);
    await app.until(() => stored().length === 5, 'five results on disk');
    expect(faulty().resultsOf(taskIds[0]!).length).toBeGreaterThanOrEqual(2);
    refusal.end();
    for (const [number, taskId] of taskIds.entries()) {
      expect((await faulty().server.has(taskId, 'COMPLETED')).outputData).toMatchObject({
        text: `no ${number}`,
      });
    }
    await app.until(() => stored().length === 0, 'the outbox to be empty');
    expect([...executions(join(folder(), 'executions')).values()]).toEqual([1, 1, 1, 1, 1, 1]);
    await stop(app);
    // Nothing is left that the next start would need.
    expect(files()).toEqual([]);
  });

  test('does not delay the results of other tasks', async () => {
    const app = startApp('step');
    await app.ready();
    const slow = await faulty().server.run('step', { text: 'slow' });
    // This one never gets through; its connection is kept busy as well.
    faulty().on(
      { method: 'POST', body: slow, path: /^\/tasks(\/update-v2)?$/ },
      { answer: answers.unavailable },
    );
    await app.until(() => faulty().resultsOf(slow).length >= 2, 'the refused result to be tried again');
    const from = Date.now();
    const others: string[] = [];
    for (let number = 0; number < 30; number++) others.push(await faulty().server.run('step'));
    for (const taskId of others) await faulty().server.has(taskId, 'COMPLETED');
    expect(Date.now() - from).toBeLessThan(20_000);
    expect((await faulty().server.task(slow)).status).toBe('IN_PROGRESS');
    app.signal('SIGTERM');
    await app.ended();
    expect(stored()).toHaveLength(1);
  });

  test('waits on disk when the application stops meanwhile, and the next start sends it', async () => {
    const app = startApp('step');
    await app.ready();
    const taskId = await faulty().server.run('step', { ms: 300, text: 'kept' });
    await app.began(taskId);
    await faulty().down();
    await app.wrote('the server did not take a result');
    app.signal('SIGTERM');
    // Nothing was cut off: the result is safe.
    expect((await app.ended()).code).toBe(0);
    expect(app.stderr).toContain('results wait in the outbox for the next start');
    expect(stored()).toHaveLength(1);
    await faulty().up();
    const next = startApp('step');
    expect((await faulty().server.has(taskId, 'COMPLETED')).outputData).toMatchObject({ text: 'kept' });
    await next.wrote('results of an earlier run wait for the server');
    await next.until(() => stored().length === 0, 'the outbox to be empty');
    await stop(next);
    expect(executions(join(folder(), 'executions')).get(taskId)).toBe(1);
    expect(files()).toEqual([]);
  });
});

test('kill -9 of everything during an outage: the next start brings the results of all processes', async () => {
  const app = startApp('twin');
  await app.ready();
  const taskIds = [
    await faulty().server.run('twin', { action: 'sleep', ms: 500, text: 'one' }),
    await faulty().server.run('twin', { action: 'sleep', ms: 500, text: 'two' }),
  ];
  // Two processes with a place each.
  for (const taskId of taskIds) await app.began(taskId);
  await faulty().down();
  await app.until(() => stored().length === 2, 'both results on disk');
  await killEverything(app);
  await faulty().up();
  const next = startApp('twin');
  for (const taskId of taskIds) await faulty().server.has(taskId, 'COMPLETED');
  expect((app.stdout + next.stdout).match(/begun/g)).toHaveLength(2);
  await next.ready();
  await stop(next);
});

test('two applications on one disk keep to their own results, also when one of them is dead', async () => {
  const one = startApp('step');
  const other = startApp('twice');
  await one.ready();
  await other.ready();
  const taskId = await faulty().server.run('step', { ms: 300 });
  await one.began(taskId);
  await faulty().down();
  await one.until(() => stored().length === 1, 'the result on disk');
  const [file] = stored();
  // The other one starts anew while the first lives: it must not touch what is not left behind.
  await killEverything(other);
  const third = startApp('twice');
  await third.ready();
  await third.wrote('a poll failed');
  expect(stored()).toEqual([file]);
  await faulty().up();
  await faulty().server.has(taskId, 'COMPLETED');
  await one.until(() => stored().length === 0, 'the outbox to be empty');
  await stop(one);
  await stop(third);
});

test('`durable: true`: kill -9 between computing and sending loses nothing', async () => {
  // The server never sees the first try: its connection is held until everything is dead.
  const held = faulty().on({ method: 'POST', body: 'COMPLETED' }, { delay: new Promise(() => undefined) });
  const app = startApp('durable');
  await app.ready();
  const taskId = await faulty().server.run('durable', { action: 'echo', text: 'computed' });
  await app.until(() => held.hits > 0, 'the result to be on its way');
  await killEverything(app);
  expect(stored()).toHaveLength(1);
  expect((await faulty().server.task(taskId)).status).toBe('IN_PROGRESS');
  held.end();
  const next = startApp('durable');
  expect((await faulty().server.has(taskId, 'COMPLETED')).outputData).toMatchObject({
    input: { text: 'computed' },
  });
  expect((app.stdout + next.stdout).match(/begun/g)).toHaveLength(1);
  await next.ready();
  await stop(next);
});

test('a task that was given back is not given back a second time when somebody else has it already', async () => {
  // The server takes the first IN_PROGRESS, but its answer is lost: without looking, it would be sent again.
  const lost = faulty().on(
    { method: 'POST', body: '"status":"IN_PROGRESS","outputData"' },
    { cut: 'after' },
    1,
  );
  const app = startApp('twice');
  await app.ready();
  const taskId = await faulty().server.run('twice', { ms: 700 });
  const { pollCount } = await faulty().server.has(taskId, 'COMPLETED');
  expect(lost.hits).toBe(1);
  expect(pollCount).toBeLessThanOrEqual(3);
  await app.until(() => stored().length === 0, 'the outbox to be empty');
  await stop(app);
});

describe('the folder of the outbox', () => {
  test('is readable by its owner only, and so are its files', async () => {
    const app = startApp('step');
    await app.ready();
    await faulty().down();
    await app.wrote('a poll failed');
    await faulty().up();
    faulty().on({ method: 'POST', path: /^\/tasks(\/update-v2)?$/ }, { answer: answers.unavailable });
    await faulty().server.run('step');
    await app.until(() => stored().length === 1, 'a result on disk');
    for (const file of files())
      expect([file, (statSync(file).mode & 0o777).toString(8)]).toEqual([file, '600']);
    const folders = readdirSync(join(folder(), 'state'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
    expect(folders.length).toBeGreaterThanOrEqual(3);
    for (const path of folders)
      expect([path, (statSync(path).mode & 0o777).toString(8)]).toEqual([path, '700']);
    app.signal('SIGTERM');
    await app.ended();
  });

  test('may hold files that are not ours: they are set aside, told and kept', async () => {
    const app = startApp('step');
    await app.ready();
    const taskId = await faulty().server.run('step', { ms: 300, text: 'good' });
    await app.began(taskId);
    await faulty().down();
    await app.until(() => stored().length === 1, 'a result on disk');
    await killEverything(app);
    const outbox = join(stored()[0]!, '..');
    writeFileSync(join(outbox, 'x~torn.result.json'), '{"version":1,"body":{"taskId":"to');
    writeFileSync(join(outbox, 'x~other.result.json'), '{"version":7}');
    writeFileSync(join(outbox, 'notes.txt'), 'remember the milk');
    await faulty().up();
    const next = startApp('step');
    await faulty().server.has(taskId, 'COMPLETED');
    await next.wrote('a file in the outbox is not a result; it is set aside');
    await next.ready();
    await next.until(() => stored().length === 0, 'the outbox to be empty');
    await stop(next);
    const aside = files().filter((file) => file.endsWith('.set-aside'));
    expect(aside).toHaveLength(3);
    expect(aside.map((file) => readFileSync(file, 'utf8'))).toContain('remember the milk');
  });

  test('of a dead run may hold pipes that nobody writes to: results are delivered, and a stop ends', async () => {
    const app = startApp('step');
    await app.ready();
    const taskId = await faulty().server.run('step', { ms: 300, text: 'good' });
    await app.began(taskId);
    await faulty().down();
    await app.until(() => stored().length === 1, 'a result on disk');
    await killEverything(app);
    const run = join(stored()[0]!, '../..');
    const pipes = ['outbox/a~pipe.result.json', 'outbox/z~pipe.result.json', 'workers.jsonl'];
    for (const pipe of pipes) {
      rmSync(join(run, pipe), { force: true });
      execFileSync('mkfifo', [join(run, pipe)]);
    }
    await faulty().up();
    const next = startApp('step');
    await next.ready();
    await faulty().server.has(taskId, 'COMPLETED');
    next.askToStop();
    expect((await next.ended(STOP_LIMIT_MS)).code).toBe(0);
    // They are kept for somebody to look at.
    const state = readdirSync(join(folder(), 'state'), { recursive: true, encoding: 'utf8' });
    for (const name of ['a~pipe', 'z~pipe'])
      expect(state.filter((path) => path.endsWith(`${name}.result.json.set-aside`))).toHaveLength(1);
    // And hold up the start after that as little.
    const last = startApp('step');
    await last.ready();
    last.askToStop();
    expect((await last.ended(STOP_LIMIT_MS)).code).toBe(0);
  });

  test('that cannot be written is told, and results are kept in memory', async () => {
    // A file where the folder should be: not even root can write there.
    mkdirSync(folder(), { recursive: true });
    writeFileSync(join(folder(), 'state'), '');
    const app = startApp('step', { CONDUCTOR_WORKER_STEP_CONCURRENCY: '1' });
    await app.ready();
    await app.wrote('no folder for the outbox can be written');
    const refusal = faulty().on(
      { method: 'POST', path: /^\/tasks(\/update-v2)?$/ },
      { answer: answers.unavailable },
    );
    const taskIds = [
      await faulty().server.run('step', { text: 'a' }),
      await faulty().server.run('step', { text: 'b' }),
    ];
    for (const taskId of taskIds) await app.began(taskId);
    await app.wrote('cannot be written to disk; it is kept in memory only');
    refusal.end();
    for (const taskId of taskIds) await faulty().server.has(taskId, 'COMPLETED');
    await stop(app);
  });

  test('in memory only, a result that dies with its process is reported as failed', async () => {
    writeFileSync(join(folder(), 'state'), '');
    const app = startApp('step');
    await app.ready();
    faulty().on({ method: 'POST', body: 'COMPLETED' }, { answer: answers.unavailable });
    const taskId = await faulty().server.run('step');
    await app.wrote('cannot be written to disk; it is kept in memory only');
    process.kill(await app.workerPid('step'), 'SIGKILL');
    expect((await faulty().server.has(taskId, 'FAILED')).reasonForIncompletion).toContain(
      'its result was in memory only',
    );
    app.signal('SIGTERM');
    await app.ended();
  });

  test('falls back to another one when the usual place is read-only', async () => {
    const home = join(folder(), 'home');
    mkdirSync(home);
    writeFileSync(join(home, '.local'), '');
    chmodSync(home, 0o500);
    const app = start('../reliability/app', {
      serverUrl: faulty().url,
      env: { HOME: home, TMPDIR: folder() },
    });
    await app.ready();
    expect(await app.wrote(/the outbox is not in its usual place.*/)).toContain(folder());
    expect((await app.status()).custody?.outboxFolder).toContain(`${folder()}/tutti-`);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
    chmodSync(home, 0o700);
  });
});
