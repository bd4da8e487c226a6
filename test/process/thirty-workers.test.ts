import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { appProcesses } from '../support/app-process.js';
import { serverOfEachTest } from '../support/task-server.js';

const server = serverOfEachTest();
const start = appProcesses();
const COUNT = 30;
const NAMES = Array.from({ length: COUNT }, (_, index) => `many${index}`);
/** Thirty processes on the slowest machine that this has to run on. */
const LIMIT_MS = 300_000;

/** Where the compiled fixtures are, so that the files find what they import. */
function folderOfWorkers(): string {
  const folder = mkdtempSync(
    fileURLToPath(new URL('../../build/test/fixtures/process/many-', import.meta.url)),
  );
  for (const name of NAMES) {
    writeFileSync(
      join(folder, `${name}.worker.js`),
      `import { functionWorker } from 'tutti';
import { traceLoad } from '../trace.js';
traceLoad('${name}');
export const ${name} = functionWorker('${name}', () => ({ pid: process.pid }), { name: '${name}' });
`,
    );
  }
  return folder;
}

/** Memory of a process, with its part of what it shares with others, in MB. */
function proportionalMb(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1]) / 1_024;
}

test(
  'thirty workers are thirty processes, and each has loaded its own file only',
  { timeout: LIMIT_MS },
  async () => {
    const folder = folderOfWorkers();
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const trace = join(folder, 'loads');
    const from = performance.now();
    const app = start('discovering', {
      serverUrl: server().url,
      bootstrap: { discover: `${basename(folder)}/*.worker.js`, readyTimeout: LIMIT_MS },
      env: { TEST_TUTTI_TRACE: trace },
    });
    await app.until(() => app.messages.some((one) => one.type === 'started'), 'all to be ready', LIMIT_MS);
    const readyMs = performance.now() - from;
    const { replicas } = await app.status();
    const pids = new Map(replicas.map((replica) => [replica.replica.replace(/:.*/, ''), replica.pid]));
    expect([...pids.keys()].sort()).toEqual([...NAMES].sort());
    expect(new Set(pids.values()).size).toBe(COUNT);
    // The first ones are those of the process that looks what the files export.
    const loads = readFileSync(trace, 'utf8').trim().split('\n').slice(COUNT);
    expect(loads.sort()).toEqual(NAMES.map((name) => `${pids.get(name)} ${name}`).sort());

    const memory = [...pids.values()].map((pid) => proportionalMb(pid!));
    const eachMb = memory.reduce((sum, mb) => sum + mb, 0) / COUNT;
    expect(eachMb).toBeGreaterThan(0);
    console.info(
      `${COUNT} workers: ready after ${Math.round(readyMs)} ms, ${eachMb.toFixed(1)} MB each (PSS)`,
    );

    await server().define(NAMES[17]!);
    const taskId = await server().run(NAMES[17]!);
    expect((await server().has(taskId, 'COMPLETED')).outputData['pid']).toBe(pids.get(NAMES[17]!));
    app.signal('SIGTERM');
    expect((await app.ended(LIMIT_MS)).code).toBe(0);
  },
);
