import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { outboxCommand } from '../../src/cli/outbox-command.js';
import { chosenFolder, RunDirectory } from '../../src/orchestrator/custody/run-directory.js';
import { OutboxStore } from '../../src/worker/delivery/outbox-store.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { ScriptedServer } from '../support/scripted-server.js';

let state: string;
let server: ScriptedServer;
const logger = new RecordingLogger();

beforeEach(async () => {
  state = mkdtempSync(join(tmpdir(), 'tutti-outbox-'));
  server = await ScriptedServer.start();
});
afterEach(async () => {
  await server.close();
  rmSync(state, { recursive: true, force: true });
});

/** An application that has ended, or runs, with results in its outbox. */
async function application(name: string, taskIds: readonly string[], ended: boolean): Promise<RunDirectory> {
  const root = join(state, name);
  mkdirSync(root);
  const subject = { entry: '/app/main.js', serverUrl: server.url };
  const directory = (await RunDirectory.open([chosenFolder(root)], logger, subject))!;
  const store = new OutboxStore(directory.outboxFolder, 'w1', logger);
  for (const taskId of taskIds) {
    const body = {
      taskId,
      workflowInstanceId: 'w',
      status: 'COMPLETED',
      outputData: { id: taskId },
    } as const;
    await store.write({ body, responseTimeoutSeconds: 0, receivedAt: Date.now() });
  }
  if (ended) await directory.close(false);
  return directory;
}

async function run(...args: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const code = await outboxCommand(args, {
    env: { TUTTI_STATE_DIR: state },
    print: (text) => void lines.push(text),
    logger,
  });
  return { code, text: lines.join('\n') };
}

describe('tutti outbox list', () => {
  test('shows the results of all applications, running or not', async () => {
    await application('shop-1', ['t1', 't2'], true);
    await application('mail-2', ['t3'], false);
    const { code, text } = await run('list');
    expect(code).toBe(0);
    expect(text).toMatch(/shop-1 +ended +t1 +COMPLETED/);
    expect(text).toMatch(/shop-1 +ended +t2 +COMPLETED/);
    expect(text).toMatch(/mail-2 +running +t3 +COMPLETED/);
  });

  test('shows control characters of ids and output, and writes none of them', async () => {
    const taskId = 't1\n2026-01-01 forged\u001b[2J\u009b31m\u202e';
    await application('shop-1', [taskId], true);
    const list = await run('list');
    expect(list.text).toContain('t1\\n2026-01-01 forged\\u001b[2J\\u009b31m\\u202e  COMPLETED');
    const drop = await run('drop', '--all');
    for (const { text } of [list, drop]) expect(text).not.toMatch(/[\u009b\u202e]|\p{Cc}(?<!\n)/u);
    expect(drop.text).toContain('t1\\n2026');
  });

  test('says that nothing is there', async () => {
    for (const command of ['list', 'replay'])
      expect(await run(command)).toEqual({ code: 0, text: 'the outbox is empty' });
  });

  test('an application that is not there is an error that says where was looked', async () => {
    const { code, text } = await run('list', '--application', 'nope');
    expect(code).toBe(1);
    expect(text).toContain(`there is no application "nope" in ${state}`);
  });
});

describe('tutti outbox replay', () => {
  test('sends what ended applications have left, to the server that they used', async () => {
    await application('shop-1', ['t1', 't2'], true);
    server.on('POST /tasks', { body: 'id' });
    const { code, text } = await run('replay');
    expect(text).toContain(`shop-1: 2 of 2 results sent to ${server.url}, 0 of them did not count`);
    expect(code).toBe(0);
    expect(
      server.of('POST /tasks').map((request) => (JSON.parse(request.body) as { taskId: string }).taskId),
    ).toEqual(expect.arrayContaining(['t1', 't2']));
    expect((await run('list')).text).toBe('the outbox is empty');
  });

  test('leaves the results of a running application to it', async () => {
    await application('mail-2', ['t3'], false);
    server.on('POST /tasks', { body: 'id' });
    expect((await run('replay')).text).toContain('0 of 0 results sent');
    expect(server.of('POST /tasks')).toEqual([]);
    expect((await run('list')).text).toContain('t3');
  });

  test('results that the server refuses are lost: exit code 1', async () => {
    await application('shop-1', ['t1'], true);
    server.on('POST /tasks', { status: 404, body: '{"message":"no such task"}' });
    const { code, text } = await run('replay');
    expect(text).toContain('1 of them did not count');
    expect(code).toBe(1);
  });

  test('does not wait longer for a server that never answers', async () => {
    await application('shop-1', ['t1'], true);
    server.on('POST /tasks', 'hang');
    const startedAt = performance.now();
    expect((await run('replay', '--timeout', '0.5')).code).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect((await run('list')).text).toMatch(/shop-1 +ended +t1/);
  });

  test('a server that takes nothing: exit code 1, and everything is still there', async () => {
    await application('shop-1', ['t1'], true);
    server.on('POST /tasks', { status: 503 });
    const { code, text } = await run('replay', '--timeout', '0.5');
    expect(code).toBe(1);
    expect(text).toContain('0 of 1 results sent');
    expect((await run('list')).text).toMatch(/shop-1 +ended +t1/);
  });
});

describe('tutti outbox drop', () => {
  test('prints and deletes one result, or all of them', async () => {
    await application('shop-1', ['t1', 't2', 't3'], true);
    const one = await run('drop', '--task', 't2');
    expect(one.code).toBe(0);
    expect(one.text).toContain('"taskId":"t2"');
    expect((await run('list')).text).not.toContain('t2');
    expect((await run('drop', '--all')).text).toContain('2 results dropped');
    expect((await run('list')).text).toBe('the outbox is empty');
  });

  test('never touches a running application, and wants to know what', async () => {
    await application('mail-2', ['t3'], false);
    expect((await run('drop', '--all')).text).toBe('0 results dropped');
    expect((await run('list')).text).toContain('t3');
    expect((await run('drop')).text).toContain('give either --task ID or --all');
    expect((await run('drop', '--task', 'unknown')).code).toBe(1);
  });
});

test('unknown actions and options show how to use it', async () => {
  for (const args of [['dance'], ['list', '--frobnicate'], []]) {
    const { code, text } = await run(...args);
    expect(code).toBe(1);
    expect(text).toContain('Usage: tutti outbox');
  }
  expect((await run('--help')).code).toBe(0);
});
