import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import { folderOfEachTest, killEverything } from '../support/reliability.js';

const TUTTI = fileURLToPath(new URL('../../scripts/tutti.mjs', import.meta.url));
const folder = folderOfEachTest();
const start = appProcesses();

/** A home and a temporary folder for this test alone. */
function machine(): Record<'HOME' | 'XDG_STATE_HOME' | 'TMPDIR', string> {
  const home = join(folder(), 'home');
  const temporary = join(folder(), 'tmp');
  for (const path of [home, temporary]) mkdirSync(path, { recursive: true });
  return { HOME: home, XDG_STATE_HOME: join(home, 'state'), TMPDIR: temporary };
}

/** Everything in the state folder and in the temporary folder. */
function left(): string[] {
  return ['home', 'tmp'].flatMap((name) =>
    readdirSync(join(folder(), name), { recursive: true, encoding: 'utf8' }),
  );
}

async function outboxList(): Promise<string> {
  const env = { PATH: process.env['PATH'], ...machine() };
  return (await promisify(execFile)(process.execPath, [TUTTI, 'outbox', 'list'], { env })).stdout.trim();
}

async function running(app: AppProcess): Promise<AppProcess> {
  await app.ready();
  await app.wrote('workflow COMPLETED');
  return app;
}

test('a program with an embedded server leaves nothing behind when it stops, not even a result that nobody took', async () => {
  const app = start('embedded-stops', { env: machine(), bootstrap: { stopGrace: 2_000 } });
  // The process lives on: what is removed at its exit would not be seen here otherwise.
  await app.wrote('lives on');
  for (const round of [1, 2]) {
    expect(app.stdout).toContain(`round ${round}: a result is on disk`);
    expect(app.stdout).toContain(`round ${round}: left []`);
  }
  expect(left()).toEqual([]);
  expect(await outboxList()).toBe('the outbox is empty');
  app.signal('SIGTERM');
  await app.ended();
});

test.each(['SIGTERM', 'SIGINT'] as const)('nor when %s ends it', async (signal) => {
  const app = await running(start('embedded', { env: machine() }));
  expect(left()).not.toEqual([]);
  app.signal(signal);
  expect((await app.ended()).code).toBe(0);
  await app.allGone();
  expect(left()).toEqual([]);
});

test('what one leaves that is killed is not in the outbox, and the next start removes it', async () => {
  const app = await running(start('embedded', { env: machine() }));
  await killEverything(app);
  const killed = left();
  expect(killed.some((name) => name.startsWith('tutti-embedded-'))).toBe(true);
  expect(existsSync(join(folder(), 'home', 'state', 'tutti'))).toBe(false);
  expect(await outboxList()).toBe('the outbox is empty');
  const next = await running(start('embedded', { env: machine() }));
  expect(left().filter((name) => killed.includes(name))).toEqual([]);
  next.askToStop();
  expect((await next.ended()).code).toBe(0);
  expect(left()).toEqual([]);
});
