import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  EXAMPLES_FOLDER,
  hasSumLibrary,
  MODULES_FOLDER,
  PACKAGE_FOLDER,
  readTable,
  runExample,
  type ExampleRun,
} from './run-example.js';

const MAIN = join(EXAMPLES_FOLDER, 'main.js');

describe('the main job', () => {
  /** One run for several tests. Without a C++ compiler there is no C++ worker, and all others run. */
  let run: Promise<ExampleRun> | undefined;
  const wholeRun = (): Promise<ExampleRun> => (run ??= runExample(MAIN));
  const tasksPerOrder = hasSumLibrary ? 4 : 3;
  const seed = ['SimpleWorker', 'simpleFunction', ...(hasSumLibrary ? ['CppWorker'] : [])];

  test('runs the workers, each in a process of its own, and shows who did what', async () => {
    const { exitCode, pid, stdout, output } = await wholeRun();

    expect(exitCode, output).toBe(0);
    const rows = readTable(stdout, 'reference');
    const pids = seed.map((worker) => [
      ...new Set(rows.filter((row) => row['worker'] === worker).map((row) => row['pid']!)),
    ]);
    expect(
      pids.map(({ length }) => length),
      output,
    ).toEqual(seed.map(() => 1));
    expect(new Set([...pids.flat(), String(pid)]).size, output).toBe(seed.length + 1);

    expect(new Set(rows.map((row) => row['status']))).toEqual(new Set(['COMPLETED']));
    expect(rows.length % (3 * tasksPerOrder), 'rounds of three orders').toBe(0);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(Number(row['ms']), JSON.stringify(row)).toBeGreaterThanOrEqual(0);
    const sharers = rows.filter((row) => row['task'] === 'tutti_simple').map((row) => row['worker']);
    expect(new Set(sharers)).toEqual(new Set(['SimpleWorker', 'simpleFunction']));

    expect(stdout).toMatch(/order-1: started as workflow \S+/);
    expect(stdout).toMatch(
      /order-1: COMPLETED: Good (?:morning|afternoon|evening), Ada! That is \d\.\d\d euros\./,
    );
    expect(stdout).toContain(`by ${seed.length + 2} worker processes of process ${pid}.`);
  });

  test.skipIf(!hasSumLibrary)('has the sums computed in C++', async () => {
    const rows = readTable((await wholeRun()).stdout, 'reference');
    const sums = rows.filter((row) => row['reference'] === 'sum');
    expect(sums.length).toBeGreaterThan(0);
    expect(new Set(sums.map((row) => `${row['worker']} ${row['result']}`))).toEqual(
      new Set(['CppWorker {"sum":3}']),
    );
  });

  test('ends with 1 and the reason when a workflow fails', async () => {
    const env = { CONDUCTOR_WORKER_TUTTI_SIMPLE_EXECUTION_TIMEOUT: '1' };
    const { exitCode, stdout, stderr, output } = await runExample(MAIN, { env });

    expect(exitCode, output).toBe(1);
    expect(stderr).toMatch(/Workflow \S+ is FAILED: .*execution time-out: the task ran longer than 1 ms/);
    expect(stdout).toContain('0 of 3 workflows completed');
    const rows = readTable(stdout, 'reference');
    expect(new Set(rows.map((row) => row['status']))).toEqual(new Set(['FAILED']));
  });

  describe('without the C++ library', () => {
    let folder = '';
    afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

    test('says so, and runs the rest', async () => {
      // A project that has no native/build, with this package installed.
      folder = mkdtempSync(join(tmpdir(), 'tutti-no-compiler-'));
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
      cpSync(EXAMPLES_FOLDER, join(folder, 'examples'), { recursive: true });
      mkdirSync(join(folder, 'node_modules'));
      symlinkSync(PACKAGE_FOLDER, join(folder, 'node_modules', 'tutti'), 'junction');
      for (const name of ['inversify', 'reflect-metadata']) {
        symlinkSync(join(MODULES_FOLDER, name), join(folder, 'node_modules', name), 'junction');
      }

      const { exitCode, stdout, output } = await runExample(join(folder, 'examples', 'main.js'), {
        cwd: folder,
      });

      expect(exitCode, output).toBe(0);
      expect(stdout).toContain('The C++ worker is left out');
      expect(stdout).toContain('npm run build:native');
      const rows = readTable(stdout, 'reference');
      expect(new Set(rows.map((row) => row['worker']))).toEqual(
        new Set(['SimpleWorker', 'simpleFunction', 'PriceOrderWorker', 'confirmOrder']),
      );
      expect(stdout).toContain('by 4 worker processes');
    });
  });
});
