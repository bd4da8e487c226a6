import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RunDirectory } from '../../../src/orchestrator/run-directory.js';
import { RecordingLogger } from '../../support/recording-logger.js';

let root: string;
const logger = new RecordingLogger();
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tutti-test-'));
  logger.entries.length = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const SUBJECT = { entry: '/srv/main.js', serverUrl: 'http://localhost:8080/api' };

async function open(candidates = [join(root, 'app')]): Promise<RunDirectory> {
  return (await RunDirectory.open(candidates, logger, SUBJECT))!;
}

/** The folder of a run, as another process left it. */
function leave(name: string, owner: object | string, workers: readonly object[] = []): string {
  const folder = join(root, 'app', name);
  mkdirSync(join(folder, 'outbox'), { recursive: true });
  writeFileSync(join(folder, 'owner.json'), typeof owner === 'string' ? owner : JSON.stringify(owner));
  writeFileSync(
    join(folder, 'workers.jsonl'),
    workers.map((worker) => `${JSON.stringify(worker)}\n`).join(''),
  );
  return folder;
}

const host = async (): Promise<string> => {
  const own = await open();
  const { host: name } = JSON.parse(readFileSync(join(own.folder, 'owner.json'), 'utf8')) as { host: string };
  await own.close(true);
  return name;
};

/** Above the largest id that Linux gives: the id of a process that has ended may be given to another one. */
const DEAD_PID = 2 ** 22 + 1;

describe('RunDirectory', () => {
  it('is for its owner only, and goes when nothing is left', async () => {
    const run = await open();
    run.noteWorkers([{ taskType: 'a', workerId: 'w-1' }], process.pid);
    expect(statSync(run.folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(run.folder, 'owner.json')).mode & 0o777).toBe(0o600);
    await run.close(true);
    expect(readdirSync(join(root, 'app'))).toEqual([]);
  });

  it('takes the first folder that can be written, and says so when it is not the first', async () => {
    writeFileSync(join(root, 'file'), '');
    const run = await open([join(root, 'file', 'state'), join(root, 'other')]);
    expect(run.folder.startsWith(join(root, 'other'))).toBe(true);
    expect(logger.at('warn')).toEqual(['the outbox is not in its usual place']);
    expect(await RunDirectory.open([join(root, 'file', 'state')], logger, SUBJECT)).toBeUndefined();
    expect(logger.at('warn')[1]).toContain('kept in memory only');
    await run.close(true);
  });

  it('takes over what dead runs have left, with the ids of their workers', async () => {
    const gone = { pid: DEAD_PID, host: await host() };
    const left = leave('run-1-x', gone, [
      { taskType: 'a', workerId: 'w-1', pid: DEAD_PID },
      { taskType: 'b', workerId: 'w-2' },
    ]);
    writeFileSync(join(left, 'outbox', 'a.result.json'), '{}');
    // Its last line was cut off.
    writeFileSync(
      join(left, 'workers.jsonl'),
      `${readFileSync(join(left, 'workers.jsonl'), 'utf8')}{"taskType":"c","wor`,
    );
    const run = await open();
    const { runs, isComplete } = await run.takeOverDeadRuns();
    expect(isComplete).toBe(true);
    expect(runs).toMatchObject([
      {
        workers: [
          { taskType: 'a', workerId: 'w-1' },
          { taskType: 'b', workerId: 'w-2' },
        ],
      },
    ]);
    expect(readdirSync(runs[0]!.outboxFolder)).toEqual(['a.result.json']);
    expect(existsSync(left)).toBe(false);
    expect(await run.takeOverDeadRuns()).toEqual({ runs: [], isComplete: true });
    await run.close(true);
  });

  it('leaves runs alone that live: here, or shortly on another machine', async () => {
    const own = await host();
    const other = await open();
    const fresh = leave('run-9-x', { pid: 1, host: 'another machine' });
    const run = await open();
    expect(await run.takeOverDeadRuns()).toEqual({ runs: [], isComplete: true });
    const old = new Date(Date.now() - 120_000);
    utimesSync(join(fresh, 'owner.json'), old, old);
    expect((await run.takeOverDeadRuns()).runs).toHaveLength(1);
    expect(own).not.toBe('another machine');
    await other.close(true);
    await run.close(true);
  });

  it('is not deceived by a process that has the id of the dead owner', async () => {
    leave('run-1-x', { pid: process.pid, host: await host(), startTime: '1' });
    const run = await open();
    expect((await run.takeOverDeadRuns()).runs).toHaveLength(1);
    await run.close(true);
  });

  it('leaves a dead run alone whose processes are still finishing their tasks', async () => {
    const worker = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const left = leave('run-1-x', { pid: DEAD_PID, host: await host() }, [
      { taskType: 'a', workerId: 'w-1', pid: worker.pid },
    ]);
    const run = await open();
    expect(await run.takeOverDeadRuns()).toEqual({ runs: [], isComplete: false });
    expect(existsSync(left)).toBe(true);
    const ended = once(worker, 'exit');
    worker.kill('SIGKILL');
    await ended;
    expect((await run.takeOverDeadRuns()).runs).toHaveLength(1);
    await run.close(true);
  });

  it('several that start together take over each run once', async () => {
    const gone = { pid: DEAD_PID, host: await host() };
    for (let number = 0; number < 10; number++)
      leave(`run-${number}-x`, gone, [{ taskType: 'a', workerId: `w-${number}` }]);
    const runs = [await open([join(root, 'app')])];
    for (let number = 0; number < 3; number++) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      runs.push(await open());
    }
    const taken = await Promise.all(runs.map((run) => run.takeOverDeadRuns()));
    const ids = taken.flatMap((one) =>
      one.runs.flatMap((left) => left.workers.map(({ workerId }) => workerId)),
    );
    expect(ids.sort()).toEqual(Array.from({ length: 10 }, (_, number) => `w-${number}`));
    for (const run of runs) await run.close(true);
  });

  it('hands on what it had taken over itself and could not finish', async () => {
    const gone = { pid: DEAD_PID, host: await host() };
    leave('run-1-x', gone, [{ taskType: 'a', workerId: 'w-1' }]);
    const first = await open();
    await first.takeOverDeadRuns();
    await first.close(false);
    const second = await open();
    const { runs } = await second.takeOverDeadRuns();
    expect(runs.flatMap(({ workers }) => workers)).toEqual([{ taskType: 'a', workerId: 'w-1' }]);
    expect(runs).toHaveLength(2);
    await second.close(true);
  });

  it('keeps files that were set aside', async () => {
    const run = await open();
    writeFileSync(join(run.outboxFolder, 'x.set-aside'), 'look at me');
    await run.close(true);
    expect(readFileSync(join(run.outboxFolder, 'x.set-aside'), 'utf8')).toBe('look at me');
  });

  it('a folder without an owner is left alone while it may be in the making', async () => {
    const left = leave('run-1-x', 'not JSON');
    const run = await open();
    expect((await run.takeOverDeadRuns()).runs).toEqual([]);
    const old = new Date(Date.now() - 120_000);
    utimesSync(left, old, old);
    expect((await run.takeOverDeadRuns()).runs).toHaveLength(1);
    await run.close(true);
  });
});
