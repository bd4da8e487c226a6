import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { folderOfEachTest } from '../support/reliability.js';
import { serverOfEachTest } from '../support/task-server.js';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const MODULES = `${sep}node_modules${sep}`;

const server = serverOfEachTest('act');
const folder = folderOfEachTest();
const start = appProcesses();

/** What a process has loaded, as V8 has written it down at its end: files of this package, and packages. */
function loadedBy(pid: number, coverage: string): string[] {
  const own = readdirSync(coverage).filter((name) => name.startsWith(`coverage-${pid}-`));
  const loaded = new Set<string>();
  for (const name of own) {
    const { result } = JSON.parse(readFileSync(join(coverage, name), 'utf8')) as {
      result: { url: string }[];
    };
    for (const { url } of result) {
      if (!url.startsWith('file:')) continue;
      const file = fileURLToPath(url);
      if (file.startsWith(DIST)) loaded.add(file.slice(DIST.length).split(sep).join('/'));
      else if (file.includes(MODULES)) loaded.add(`package ${packageOf(file)}`);
    }
  }
  return [...loaded].sort();
}

function packageOf(file: string): string {
  const [first = '', second = ''] = file.slice(file.lastIndexOf(MODULES) + MODULES.length).split(sep);
  return first.startsWith('@') ? `${first}/${second}` : first;
}

const listed = (role: string): string => fileURLToPath(new URL(`loaded/${role}.txt`, import.meta.url));

// `npx vitest run --project process test/process/loaded-files.test.ts -u` rewrites the lists.
test('the main process and a worker process load what is listed, and nothing else', async () => {
  const coverage = join(folder(), 'coverage');
  mkdirSync(coverage);
  const app = start('app', { serverUrl: server().url, env: { NODE_V8_COVERAGE: coverage } });
  await app.ready();
  const worker = await app.workerPid('act');
  await server().has(await server().run('act', { action: 'echo' }), 'COMPLETED');
  app.signal('SIGTERM');
  expect(await app.ended()).toEqual({ code: 0, signal: null });
  await app.allGone();

  const [main, inWorker] = [loadedBy(app.pid, coverage), loadedBy(worker, coverage)];
  await expect(`${main.join('\n')}\n`).toMatchFileSnapshot(listed('main-process'));
  await expect(`${inWorker.join('\n')}\n`).toMatchFileSnapshot(listed('worker-process'));
  expect(
    main.filter((file) => /^(native|server|client|worker\/polling|package (axios|koffi))/.test(file)),
  ).toEqual([]);
  expect(
    inWorker.filter((file) =>
      /^(native|server|client|orchestrator\/(?!replicas\/(long-task-watch|restart-policy))|package (axios|koffi))/.test(
        file,
      ),
    ),
  ).toEqual([]);
});

test('a program with nothing but clients loads what is listed, and nothing else', async () => {
  const coverage = join(folder(), 'coverage');
  mkdirSync(coverage);
  const app = start('client-only', { serverUrl: server().url, env: { NODE_V8_COVERAGE: coverage } });
  expect(await app.ended()).toEqual({ code: 0, signal: null });
  expect(app.stdout).toContain('task definitions: act');
  const loaded = loadedBy(app.pid, coverage);
  await expect(`${loaded.join('\n')}\n`).toMatchFileSnapshot(listed('client-only'));
  expect(
    loaded.filter((file) =>
      /^(native|server|app|worker|orchestrator|host|package (inversify|koffi))/.test(file),
    ),
  ).toEqual([]);
});
