import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { chosenFolder, RunDirectory } from '../../../../src/orchestrator/custody/run-directory.js';
import { isRunSocketHeld, RunSocket } from '../../../../src/orchestrator/custody/run-socket.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

let root: string;
const logger = new RecordingLogger();
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tutti-test-'));
  logger.entries.length = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const SUBJECT = { entry: '/srv/main.js', serverUrl: 'http://localhost:8080/api' };

async function open(candidates = [join(root, 'app')]): Promise<RunDirectory> {
  return (await RunDirectory.open(candidates.map(chosenFolder), logger, SUBJECT))!;
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

/** Listens as the owner of a run does. @returns ends it as SIGKILL does: the socket stays, and nobody listens */
async function listenLikeAnOwner(folder: string): Promise<() => Promise<void>> {
  const socket = (await RunSocket.open(folder))!;
  return async () => {
    const path = join(folder, 'owner.sock');
    // An owner that closes it in good order removes it.
    renameSync(path, `${path}.kept`);
    socket.close();
    await vi.waitFor(async () => {
      renameSync(`${path}.kept`, path);
      const isHeld = await isRunSocketHeld(folder);
      renameSync(path, `${path}.kept`);
      expect(isHeld).toBe(false);
    });
    renameSync(`${path}.kept`, path);
  };
}

/** Above the largest id that Linux gives: the id of a process that has ended may be given to another one. */
const DEAD_PID = 2 ** 22 + 1;

describe('RunDirectory', () => {
  it('is for its owner only, and goes when nothing is left', async () => {
    const run = await open();
    run.noteWorkers([{ taskType: 'a', workerId: 'w-1' }], process.pid);
    expect(statSync(run.folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(run.folder, 'owner.json')).mode & 0o777).toBe(0o600);
    await run.close(true);
    expect(existsSync(join(root, 'app'))).toBe(false);
  });

  it('takes the first folder that can be written, and says so when it is not the first', async () => {
    writeFileSync(join(root, 'file'), '');
    const run = await open([join(root, 'file', 'state'), join(root, 'other')]);
    expect(run.folder.startsWith(join(root, 'other'))).toBe(true);
    expect(logger.at('warn')).toEqual(['the outbox is not in its usual place']);
    expect(
      await RunDirectory.open([chosenFolder(join(root, 'file', 'state'))], logger, SUBJECT),
    ).toBeUndefined();
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
    const run = await open();
    expect(await run.takeOverDeadRuns()).toEqual({ runs: [], isComplete: true });
    const fresh = leave('run-9-x', { pid: 1, host: 'another machine' });
    // Only time will tell: it is to be looked at again.
    expect(await run.takeOverDeadRuns()).toEqual({ runs: [], isComplete: false });
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

  it('is removed at the end with the folder of the application, unless that holds something else', async () => {
    const first = await open();
    const second = await open();
    await first.close(true);
    expect(existsSync(join(root, 'app'))).toBe(true);
    await second.close(true);
    expect(existsSync(join(root, 'app'))).toBe(false);
    const third = await open();
    mkdirSync(third.resultsFolder);
    await third.close(true);
    expect(readdirSync(join(root, 'app'))).toEqual(['results']);
  });

  it('brings what was nested in a dead run up one level, so that paths do not grow with every start', async () => {
    const gone = { pid: DEAD_PID, host: await host() };
    leave('run-0-x', gone, [{ taskType: 'a', workerId: 'w-0' }]);
    let last!: RunDirectory;
    for (let start = 0; start < 12; start++) {
      last = await open();
      const { runs } = await last.takeOverDeadRuns();
      expect(runs.flatMap(({ workers }) => workers)).toEqual([{ taskType: 'a', workerId: 'w-0' }]);
      await last.close(false);
    }
    expect(readdirSync(last.folder)).toContain('left-run-0-x');
  });

  describe.skipIf(process.platform !== 'linux')('with an owner in another container', () => {
    const owner = async (changes: object = {}): Promise<object> => {
      const own = await open();
      const text = readFileSync(join(own.folder, 'owner.json'), 'utf8');
      await own.close(true);
      return { ...(JSON.parse(text) as object), pid: DEAD_PID, pidNamespace: 'pid:[1]', ...changes };
    };

    it('is alive while the owner listens, although its process id means nothing here, and dead from then on', async () => {
      const left = leave('run-1-x', await owner());
      const killOwner = await listenLikeAnOwner(left);
      const run = await open();
      expect(await run.takeOverDeadRuns()).toEqual({ runs: [], isComplete: true });
      await killOwner();
      // Its worker processes cannot be looked at: they are given their grace.
      expect(await run.takeOverDeadRuns()).toEqual({ runs: [], isComplete: false });
      const old = new Date(Date.now() - 15_000);
      utimesSync(join(left, 'owner.json'), old, old);
      expect((await run.takeOverDeadRuns()).runs).toHaveLength(1);
      await run.close(true);
    });

    it('is over at once when the owner was its first process: the kernel ends the others with it', async () => {
      const left = leave('run-1-x', await owner({ pid: 1 }));
      await (
        await listenLikeAnOwner(left)
      )();
      const run = await open();
      expect((await run.takeOverDeadRuns()).runs).toHaveLength(1);
      await run.close(true);
    });

    it('is decided by its age on a file system without sockets, and on another machine with the same name', async () => {
      const noSocket = leave('run-1-x', await owner());
      const elsewhere = leave('run-2-x', await owner({ bootId: 'another boot', pidNamespace: undefined }));
      const run = await open();
      expect(await run.takeOverDeadRuns()).toEqual({ runs: [], isComplete: false });
      const old = new Date(Date.now() - 120_000);
      for (const left of [noSocket, elsewhere]) utimesSync(join(left, 'owner.json'), old, old);
      expect((await run.takeOverDeadRuns()).runs).toHaveLength(2);
      await run.close(true);
    });

    it('listens in folders with long paths too', async () => {
      const long = join(root, 'x'.repeat(120));
      mkdirSync(long);
      const socket = (await RunSocket.open(long))!;
      expect(await isRunSocketHeld(long)).toBe(true);
      socket.close();
    });
  });

  describe('for an embedded server', () => {
    const temporaries = () => readdirSync(root).filter((name) => name.startsWith('tutti-embedded-'));
    beforeEach(() => vi.stubEnv('TMPDIR', root));
    afterEach(() => vi.unstubAllEnvs());

    it('is gone after a stop, results and all, and with it the listener for the end of the process', async () => {
      const before = process.listenerCount('exit');
      const run = (await RunDirectory.openTemporary(logger, SUBJECT))!;
      expect(temporaries()).toHaveLength(1);
      writeFileSync(join(run.outboxFolder, 'a.result.json'), '{}');
      await run.close(false);
      expect(temporaries()).toEqual([]);
      expect(process.listenerCount('exit')).toBe(before);
    });

    it('removes what those have left that were killed, and leaves those alone that live', async () => {
      const living = (await RunDirectory.openTemporary(logger, SUBJECT))!;
      const killed = join(root, 'tutti-embedded-killed');
      mkdirSync(join(killed, 'run-1-x', 'outbox'), { recursive: true });
      writeFileSync(
        join(killed, 'run-1-x', 'owner.json'),
        JSON.stringify({ pid: DEAD_PID, host: hostname() }),
      );
      const run = (await RunDirectory.openTemporary(logger, SUBJECT))!;
      expect(existsSync(killed)).toBe(false);
      expect(existsSync(living.folder)).toBe(true);
      await living.close(true);
      await run.close(true);
    });

    it('is missing where the temporary folder cannot be written, and no error', async () => {
      vi.stubEnv('TMPDIR', join(root, 'none'));
      expect(await RunDirectory.openTemporary(logger, SUBJECT)).toBeUndefined();
      expect(logger.at('warn')).toEqual([]);
      expect(logger.at('info')).toEqual([
        'the temporary folder cannot be written: results are kept in memory only',
      ]);
    });
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
