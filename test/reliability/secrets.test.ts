import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { faultyConductorOfEachTest } from '../support/faulty-conductor.js';
import { folderOfEachTest, stateIn } from '../support/reliability.js';

const faulty = faultyConductorOfEachTest('tell_all', 'tell_all_and_die', 'step');
const folder = folderOfEachTest();
const start = appProcesses();
const KEY = 'key-5f2e-of-the-test';
const SECRET = 'secret-9c41-of-the-test';

/** All files below the folder, as one text. */
function written(): string {
  return readdirSync(folder(), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(`${entry.parentPath}/${entry.name}`, 'utf8'))
    .join('\n');
}

test('key, secret and token are in no log, no child argument, no file, and in no crash report', async () => {
  faulty().requireTokens(60_000);
  const app = start('../reliability/app', {
    serverUrl: faulty().url,
    workers: ['step', 'tellAllAndDie'],
    env: stateIn(folder(), {
      CONDUCTOR_AUTH_KEY: KEY,
      CONDUCTOR_AUTH_SECRET: SECRET,
      CONDUCTOR_LOG_LEVEL: 'debug',
    }),
    bootstrap: { restart: { initialDelay: 60_000, maxDelay: 60_000 } },
  });
  await app.ready();
  const commands = app.alive().map(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  expect(commands.length).toBeGreaterThanOrEqual(4);
  expect(commands.join('\n')).not.toMatch(/key-5f2e|secret-9c41|token-/);

  // A refused result lies on disk, and what was logged about it is on standard error.
  faulty().on(
    { method: 'POST', body: 'COMPLETED' },
    { answer: { status: 503, body: `bad key ${KEY} ${SECRET}` } },
    3,
  );
  const taskId = await faulty().server.run('step');
  await app.wrote('the server did not take a result');
  expect(written()).toContain(taskId);
  expect(written()).not.toMatch(/key-5f2e|secret-9c41|token-/);
  await faulty().server.has(taskId, 'COMPLETED');
  expect(app.stdout + app.stderr).not.toMatch(/key-5f2e|secret-9c41|token-\d/);

  // A worker that shows its whole environment before it dies: that is its own doing, but it must not go to the server.
  const dying = await faulty().server.run('tell_all_and_die');
  const { reasonForIncompletion } = await faulty().server.has(dying, 'FAILED');
  expect(reasonForIncompletion).toContain('cannot log in with *** and ***');
  const logs = await faulty().server.logsOf(dying);
  expect(logs).toContain('CONDUCTOR_AUTH_SECRET');
  expect(logs).not.toMatch(/key-5f2e|secret-9c41/);
  app.signal('SIGTERM');
  await app.ended();
});
