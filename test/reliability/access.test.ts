import { expect, test } from 'vitest';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import { answers, faultyConductorOfEachTest, type Answer } from '../support/faulty-conductor.js';
import { folderOfEachTest, stateIn } from '../support/reliability.js';

const faulty = faultyConductorOfEachTest('step');
const folder = folderOfEachTest();
const start = appProcesses();

function startApp(onStartupFailure: 'stop' | 'continue' = 'stop'): AppProcess {
  return start('../reliability/app', {
    serverUrl: faulty().url,
    workers: ['step'],
    bootstrap: { onStartupFailure },
    env: stateIn(folder(), { CONDUCTOR_AUTH_KEY: 'the-key', CONDUCTOR_AUTH_SECRET: 'the-secret' }),
  });
}

const unknownKey: Answer = {
  status: 401,
  headers: { 'content-type': 'application/json' },
  body: '{"message":"unknown key"}',
};

test('a wrong access key fails the start at once and says what to check; no worker process is started', async () => {
  faulty().on({ path: '/token' }, { answer: unknownKey });
  const app = startApp();
  expect(await app.ended()).toEqual({ code: 1, signal: null });
  expect(app.stderr).toMatch(
    /the access key was refused, check CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET/,
  );
  expect(app.stderr).not.toContain('the-secret');
  expect(faulty().requests.map(({ path }) => path)).toEqual(['/token']);
  await app.allGone();
});

test("with onStartupFailure: 'continue' the workers wait until the key is taken", async () => {
  const refusal = faulty().on({ path: '/token' }, { answer: unknownKey });
  const app = startApp('continue');
  await app.ready();
  await app.wrote('a poll failed; trying again');
  refusal.end();
  const taskId = await faulty().server.run('step');
  await faulty().server.has(taskId, 'COMPLETED');
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('a server that gives no token at the moment is no failure of the start', async () => {
  faulty().requireTokens(60_000);
  const refusal = faulty().on({ path: '/token' }, { answer: answers.unavailable });
  const app = startApp();
  expect((await app.ready()).state).toBe('running');
  refusal.end();
  const taskId = await faulty().server.run('step');
  await faulty().server.has(taskId, 'COMPLETED');
  app.signal('SIGTERM');
  expect((await app.ended()).code).toBe(0);
});

test('a program with an access key that was stopped ends by itself: nothing waits for the next token', async () => {
  faulty().requireTokens(60_000);
  const app = startApp();
  await app.ready();
  const taskId = await faulty().server.run('step');
  await faulty().server.has(taskId, 'COMPLETED');
  app.askToStop();
  expect(await app.ended()).toEqual({ code: 0, signal: null });
});

test('a server that does not answer when it is asked for a token holds neither the start up nor the stop', async () => {
  const silence = faulty().on({ path: '/token' }, { delay: new Promise(() => undefined) });
  const app = startApp();
  expect((await app.ready()).state).toBe('running');
  await app.until(() => silence.hits === 2, 'the worker process to ask as well');
  app.signal('SIGTERM');
  // Nothing was cut off: what waits for a token has no task.
  expect(await app.ended()).toEqual({ code: 0, signal: null });
  expect(app.stderr).not.toContain('was killed');
});

test('an access key that goes to another machine in plain text is a warning, once', async () => {
  const app = start('../reliability/app', {
    // A name that nobody has: the server is away, and the application waits for it.
    serverUrl: 'http://conductor.invalid:8080',
    workers: ['step'],
    env: stateIn(folder(), { CONDUCTOR_AUTH_KEY: 'the-key', CONDUCTOR_AUTH_SECRET: 'the-secret' }),
  });
  expect((await app.ready()).serverUrl).toBe('http://conductor.invalid:8080/api');
  await app.wrote('a poll failed; trying again');
  expect(app.stderr.split('the access key goes to the server in plain text').length).toBe(2);
  app.signal('SIGTERM');
  await app.ended();
});
