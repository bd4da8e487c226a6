import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { stateFolders } from '../../src/app/state-folders.js';
import { outboxCommand } from '../../src/cli/outbox-command.js';
import { chosenFolder, RunDirectory } from '../../src/orchestrator/custody/run-directory.js';
import { OutboxStore } from '../../src/worker/delivery/outbox-store.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { ScriptedServer } from '../support/scripted-server.js';
import { asSecondUser, needsSecondUser } from '../support/second-user.js';

/** The folders of a machine that two users share; this process is the first one. */
let machine: string;
let temporary: string;
let home: string;
let env: Record<string, string | undefined>;
let server: ScriptedServer;
const logger = new RecordingLogger();
const KEY = { CONDUCTOR_AUTH_KEY: 'the key', CONDUCTOR_AUTH_SECRET: 'the secret' };
const uid = String(process.getuid?.());

beforeEach(async () => {
  machine = mkdtempSync(join(tmpdir(), 'tutti-machine-'));
  chmodSync(machine, 0o755);
  temporary = join(machine, 'tmp');
  home = join(machine, 'home');
  mkdirSync(temporary);
  chmodSync(temporary, 0o1777);
  mkdirSync(home, { mode: 0o700 });
  env = { XDG_STATE_HOME: join(home, 'state') };
  vi.stubEnv('TMPDIR', temporary);
  logger.entries.length = 0;
  server = await ScriptedServer.start();
  server.on('POST /tasks', { body: 'id' });
});
afterEach(async () => {
  await server.close();
  vi.unstubAllEnvs();
  rmSync(machine, { recursive: true, force: true });
});

const OWNER = (url: string) => JSON.stringify({ pid: 4_194_305, host: 'x', entry: '/m.js', serverUrl: url });
const RESULT = JSON.stringify({
  version: 1,
  body: { taskId: 'planted', workflowInstanceId: 'w', status: 'COMPLETED', outputData: {} },
  responseTimeoutSeconds: 0,
  receivedAt: 1,
});

async function outbox(...args: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const code = await outboxCommand(args, { env, print: (text) => void lines.push(text), logger });
  return { code, text: lines.join('\n') };
}

/** A run that has ended with one result in its outbox. */
async function ended(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const run = (await RunDirectory.open([chosenFolder(folder)], logger, {
    entry: '/m.js',
    serverUrl: server.url,
  }))!;
  const body = { taskId: 't-1', workflowInstanceId: 'w', status: 'COMPLETED', outputData: {} } as const;
  await new OutboxStore(run.outboxFolder, 'w', logger).write({
    body,
    responseTimeoutSeconds: 0,
    receivedAt: 1,
  });
  await run.close(false);
  return run.folder;
}

describe('what another user has planted in the temporary folder', () => {
  beforeEach(needsSecondUser);

  test('is not used as the state folder of an application; its results go where nobody else can write', async () => {
    writeFileSync(join(home, 'state'), 'not a folder');
    const folders = stateFolders('/srv/main.js', server.url, env);
    const name = basename(folders[0]!.path);
    asSecondUser(`
      mkdir -p ${temporary}/tutti-${uid}/${name}/run-1-x/outbox
      echo '${OWNER('http://attacker.example/api')}' > ${temporary}/tutti-${uid}/${name}/run-1-x/owner.json
      touch ${temporary}/tutti-${uid}/${name}/run-1-x/ended
      chmod -R 777 ${temporary}/tutti-${uid}`);
    const run = (await RunDirectory.open(folders, logger))!;
    expect(run.folder.startsWith(join(temporary, `tutti-${uid}`, '/'))).toBe(false);
    expect(run.folder.startsWith(join(temporary, 'tutti-'))).toBe(true);
    expect(await run.takeOverDeadRuns()).toEqual({ runs: [], isComplete: true });
    expect(logger.text).toContain(`tutti-${uid} belongs to user 65534`);
    await run.close(true);
    expect(readdirSync(join(temporary, `tutti-${uid}`, name))).toEqual(['run-1-x']);
  });

  test('does not make a symbolic link there lead writing into a folder of the user', async () => {
    writeFileSync(join(home, 'state'), 'not a folder');
    mkdirSync(join(home, 'precious'));
    asSecondUser(`ln -s ${home}/precious ${temporary}/tutti-${uid}`);
    const run = (await RunDirectory.open(stateFolders('/srv/main.js', server.url, env), logger))!;
    expect(readdirSync(join(home, 'precious'))).toEqual([]);
    await run.close(true);
  });

  test('is not replayed: no request, and so no access key, reaches the server that it names', async () => {
    asSecondUser(`
      mkdir -p ${temporary}/tutti-${uid}/app/run-1-x/outbox
      echo '${OWNER(server.url)}' > ${temporary}/tutti-${uid}/app/run-1-x/owner.json
      echo '${RESULT}' > ${temporary}/tutti-${uid}/app/run-1-x/outbox/a~planted.result.json
      touch ${temporary}/tutti-${uid}/app/run-1-x/ended
      chmod -R 777 ${temporary}/tutti-${uid}`);
    env = { ...env, ...KEY };
    expect((await outbox('replay')).text).not.toContain('app');
    expect(server.requests).toEqual([]);
    // Not even when somebody is talked into naming the folder.
    env = { ...env, TUTTI_STATE_DIR: join(temporary, `tutti-${uid}`) };
    await outbox('replay', '--server', server.url);
    expect(server.requests).toEqual([]);
    expect(logger.text).toContain('it is not a folder of this user');
  });

  test('does not make `outbox list` rename the files of the user', async () => {
    mkdirSync(join(home, '.ssh'));
    writeFileSync(join(home, '.ssh', 'id_ed25519'), 'the key');
    asSecondUser(`
      mkdir -p ${temporary}/tutti-${uid}/app/run-1-x
      ln -s ${home}/.ssh ${temporary}/tutti-${uid}/app/run-1-x/outbox
      ln -s ${home} ${temporary}/tutti-${uid}/home
      chmod -R 777 ${temporary}/tutti-${uid}/app`);
    for (const folder of [undefined, join(temporary, `tutti-${uid}`)]) {
      env = { ...env, TUTTI_STATE_DIR: folder };
      for (const args of [['list'], ['replay'], ['drop', '--all']]) await outbox(...args);
    }
    expect(readdirSync(join(home, '.ssh'))).toEqual(['id_ed25519']);
  });
});

describe.skipIf(process.platform === 'win32')('links and pipes among the files of a run', () => {
  test('an outbox that is a symbolic link is neither read nor renamed, and reported', async () => {
    const run = await ended(join(home, 'state', 'tutti', 'app'));
    mkdirSync(join(home, '.ssh'));
    writeFileSync(join(home, '.ssh', 'id_ed25519'), 'the key');
    rmSync(join(run, 'outbox'), { recursive: true });
    symlinkSync(join(home, '.ssh'), join(run, 'outbox'));
    const { code, text } = await outbox('list');
    expect(text).toContain(`cannot be read: ${join(run, 'outbox')} (it is not a folder of this user)`);
    expect(code).toBe(1);
    expect((await outbox('replay')).code).toBe(1);
    expect(readdirSync(join(home, '.ssh'))).toEqual(['id_ed25519']);
  });

  test('a pipe in the outbox holds up nothing; `list` changes nothing, the next start sets it aside', async () => {
    const app = join(home, 'state', 'tutti', 'app');
    const run = await ended(app);
    execFileSync('mkfifo', [join(run, 'outbox', 'x~pipe.result.json')]);
    for (const file of ['owner.json', 'workers.jsonl']) {
      rmSync(join(run, file), { force: true });
      execFileSync('mkfifo', [join(run, file)]);
    }
    const { code, text } = await outbox('list');
    expect(code).toBe(0);
    expect(text).toContain('t-1');
    expect(text).toContain('x~pipe.result.json (it is not a regular file)');
    expect(readdirSync(join(run, 'outbox'))).toContain('x~pipe.result.json');
    const next = (await RunDirectory.open([chosenFolder(app)], logger))!;
    const { runs } = await next.takeOverDeadRuns();
    const store = new OutboxStore(runs[0]!.outboxFolder, 'o', logger);
    expect((await store.read()).map(({ body }) => body.taskId)).toEqual(['t-1']);
    expect(readdirSync(runs[0]!.outboxFolder)).toContain('x~pipe.result.json.set-aside');
    await next.close(true);
  });

  test('links that lead back and runs that are nested without end are left alone', async () => {
    const run = await ended(join(home, 'state', 'tutti', 'app'));
    symlinkSync('..', join(run, 'left-run-back'));
    let deep = run;
    for (let depth = 0; depth < 60; depth++) deep = join(deep, `left-run-${depth}`);
    mkdirSync(join(deep, 'outbox'), { recursive: true });
    const { code, text } = await outbox('list');
    expect(code).toBe(0);
    expect(text).toContain('t-1');
    expect((await outbox('replay')).text).toContain('1 of 1 results sent');
  });

  test('the ids of workers are not appended to a file that a link leads to', async () => {
    const app = join(home, 'state', 'tutti', 'app');
    mkdirSync(app, { recursive: true, mode: 0o700 });
    const run = (await RunDirectory.open([chosenFolder(app)], logger))!;
    writeFileSync(join(home, '.bashrc'), 'mine');
    symlinkSync(join(home, '.bashrc'), join(run.folder, 'workers.jsonl'));
    run.noteWorkers([{ taskType: 'a', workerId: '; rm -rf /' }], process.pid);
    expect(readFileSync(join(home, '.bashrc'), 'utf8')).toBe('mine');
    expect(logger.at('warn')).toEqual(['the ids of workers cannot be written down']);
    await run.close(true);
  });
});

describe('the access key', () => {
  const keyOf = (): unknown[] => server.of('POST /token').map(({ body }) => JSON.parse(body) as unknown);

  test('is not sent to a server that only a file names', async () => {
    await ended(join(home, 'state', 'tutti', 'app'));
    env = { ...env, ...KEY };
    const { code, text } = await outbox('replay');
    expect(code).toBe(1);
    expect(text).toContain(
      `app: nothing sent. To send the access key to the server that its files name, give --server`,
    );
    expect(text).toContain(server.url);
    env = { ...env, CONDUCTOR_SERVER_URL: 'http://127.0.0.1:9/api' };
    expect((await outbox('replay')).code).toBe(1);
    expect(server.requests).toEqual([]);
    expect((await outbox('list')).text).toContain('t-1');
  });

  test.each([
    ['--server', ['--server'], undefined],
    ['the environment', [], '/api/'],
    ['the environment, without a path,', [], ''],
  ])('is sent to the same server when %s names it', async (_what, args, path) => {
    await ended(join(home, 'state', 'tutti', 'app'));
    server.on('POST /token', { body: JSON.stringify({ token: 'a-token' }) });
    env = {
      ...env,
      ...KEY,
      ...(path === undefined ? {} : { CONDUCTOR_SERVER_URL: new URL(server.url).origin + path }),
    };
    const { code, text } = await outbox('replay', ...args.flatMap((arg) => [arg, server.url]));
    expect(text).toContain('1 of 1 results sent');
    expect(code).toBe(0);
    expect(keyOf()).toEqual([{ keyId: 'the key', keySecret: 'the secret' }]);
    expect(existsSync(join(home, 'state', 'tutti', 'app'))).toBe(false);
  });
});
