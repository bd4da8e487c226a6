import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConfigurationError } from '../../src/core/errors.js';
import { embeddedServer, type RunningServer } from '../../src/server/index.js';
import { workflowQuery, FileStore } from '../../src/server/store/file-store.js';
import { APPLICATION_ID, migrate, MIGRATIONS } from '../../src/server/store/schema.js';
import { openSqlite, type SqlConnection } from '../../src/server/store/sqlite.js';
import { ConformanceClient } from '../support/conformance-server.js';
import { RecordingLogger } from '../support/recording-logger.js';

let folder: string;
let file: string;
const running: RunningServer[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-file-'));
  file = join(folder, 'conductor.db');
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
  rmSync(folder, { recursive: true, force: true });
});

async function start(path = file, logger = new RecordingLogger()) {
  const server = await embeddedServer({ file: path }).start(logger);
  running.push(server);
  return { server, logger, client: new ConformanceClient(server.url) };
}

async function failureOf(path = file): Promise<ConfigurationError> {
  const error: unknown = await start(path).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConfigurationError);
  return error as ConfigurationError;
}

/** Opens a file beside a server, and lets go of it. */
function inDatabase<T>(action: (connection: SqlConnection) => T, path = file): T {
  const connection = openSqlite(path);
  try {
    return action(connection);
  } finally {
    connection.close();
  }
}

const NOOP = { name: 'n', taskReferenceName: 'n', type: 'NOOP' };

const FLOW = {
  name: 'flow',
  tasks: [
    { name: 'work', taskReferenceName: 'a', type: 'SIMPLE', inputParameters: { x: '${workflow.input.x}' } },
  ],
};

describe('embeddedServer({ file })', () => {
  it('goes on after it was closed, in the same process', async () => {
    const first = await start();
    await first.client.request('POST', '/metadata/workflow', FLOW);
    const id = (await first.client.request('POST', '/workflow/flow', { x: 1 })).text;
    await first.server.close();
    const second = await start();
    const polled = await second.client.request<{ taskId: string }>('GET', '/tasks/poll/work');
    expect(polled.body).toMatchObject({ workflowInstanceId: id, inputData: { x: 1 } });
    await second.client.request('POST', '/tasks', {
      taskId: polled.body.taskId,
      workflowInstanceId: id,
      status: 'COMPLETED',
    });
    await second.server.close();
    const third = await start();
    expect((await third.client.request('GET', `/workflow/${id}`)).body).toMatchObject({
      status: 'COMPLETED',
      tasks: [{ referenceTaskName: 'a', status: 'COMPLETED', workflowTask: { name: 'work' } }],
    });
  });

  it('makes a file that only this user can read, and leaves one file behind', async () => {
    const { server, client } = await start();
    await client.request('POST', '/metadata/workflow', FLOW);
    for (const path of [file, `${file}-wal`]) expect(statSync(path).mode & 0o777, path).toBe(0o600);
    await server.close();
    expect(execFileSync('ls', [folder]).toString().trim()).toBe('conductor.db');
  });

  it.each([[''], [7]])('refuses the file %j', (value) => {
    expect(() => embeddedServer({ file: value as string })).toThrow('`file`');
  });

  it('refuses a second server, with the path and the reason', async () => {
    await start();
    const { message } = await failureOf();
    expect(message).toContain(file);
    expect(message).toContain('another server or program has it open');
  });

  it('lets go of the file when the port is taken', async () => {
    const other = await start(join(folder, 'other.db'));
    await expect(
      embeddedServer({ file, port: other.server.port }).start(new RecordingLogger()),
    ).rejects.toThrow('cannot listen');
    await start();
  });

  it.each([
    ['a folder that does not exist', () => join(folder, 'missing', 'x.db'), 'does not exist'],
    [
      'a folder',
      () => {
        mkdirSync(join(folder, 'x.db'));
        return join(folder, 'x.db');
      },
      'it is a folder',
    ],
    [
      'a file that is no database',
      () => {
        writeFileSync(file, 'not a database, and longer than the beginning of one '.repeat(100));
        return file;
      },
      'it is no database of SQLite, or its beginning is damaged',
    ],
  ])('reports %s with its path', async (_what, make, reason) => {
    const path = make();
    const { message } = await failureOf(path);
    expect(message).toContain(path);
    expect(message).toContain(reason);
  });

  it('reports a file whose pages are damaged, with its path', async () => {
    const { server, client } = await start();
    await client.request('POST', '/metadata/workflow', FLOW);
    for (let index = 0; index < 50; index++)
      await client.request('POST', '/workflow/flow', { text: 'x'.repeat(500) });
    await server.close();
    const bytes = readFileSync(file);
    // The first page holds the schema; the others are garbage now.
    bytes.fill(0xa5, 4096);
    writeFileSync(file, bytes);
    const { message } = await failureOf();
    expect(message).toContain(file);
    expect(message).toContain('damaged');
  });

  it.each([
    ['a page', 4_096],
    ['the text of a row', 20],
  ])('reports %s that is damaged with its path, where it is read', async (_what, bytes) => {
    const first = await start();
    await first.client.request('POST', '/metadata/workflow', { name: 'done', tasks: [NOOP] });
    const ids: string[] = [];
    for (let index = 0; index < 40; index++) {
      const input = { text: `marker-${index}-${'x'.repeat(500)}` };
      ids.push((await first.client.request('POST', '/workflow/done', input)).text);
    }
    await first.server.close();
    const content = readFileSync(file);
    const at = content.indexOf('marker-20-');
    const from = bytes === 4_096 ? at - (at % bytes) : at - '{"text":"'.length;
    content.fill('#', from, from + bytes);
    writeFileSync(file, content);
    const { client } = await start();
    const damaged = await client.request<{ message: string }>('GET', `/workflow/${ids[20]}`);
    expect(damaged.status).toBe(500);
    expect(damaged.body.message).toContain(
      `The file ${file} of the embedded server cannot be read: it is damaged`,
    );
    expect((await client.request('GET', '/metadata/workflow/done')).status).toBe(200);
  });

  it('leaves the database of another program alone', async () => {
    inDatabase((connection) => connection.exec('CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)'));
    const { message } = await failureOf();
    expect(message).toContain(`${file} is a database of another program`);
    expect(inDatabase((connection) => connection.prepare('SELECT x FROM theirs').all())).toHaveLength(1);
    expect(
      inDatabase((connection) => connection.prepare('SELECT name FROM sqlite_schema').all()),
    ).toHaveLength(1);
  });

  it('answers every request with the reason while its file is gone, says so once, and goes on when it is back', async () => {
    const { client, logger } = await start();
    await client.request('POST', '/metadata/workflow', FLOW);
    const before = (await client.request('POST', '/workflow/flow', {})).text;
    renameSync(file, `${file}.moved`);
    for (const [method, path, body] of [
      ['POST', '/workflow/flow', {}],
      ['GET', '/tasks/poll/work', undefined],
      ['POST', '/workflow/flow', {}],
      ['GET', `/workflow/${before}`, undefined],
      ['POST', '/metadata/workflow', { ...FLOW, name: 'other' }],
    ] as const) {
      const answer = await client.request(method, path, body);
      expect(answer.status, path).toBe(500);
      expect((answer.body as { message: string }).message).toContain(file);
    }
    expect(logger.at('error')).toHaveLength(1);
    renameSync(`${file}.moved`, file);
    const polled = await client.request<{ workflowInstanceId: string }>('GET', '/tasks/poll/work');
    expect(polled.status).toBe(200);
    expect(polled.body.workflowInstanceId).toBe(before);
  });
});

describe('the log beside the file', () => {
  const log = (): string => `${file}-wal`;

  async function refusal(client: ConformanceClient): Promise<string> {
    const answer = await client.request<{ message: string }>('POST', '/workflow/flow', {});
    expect(answer.status).toBe(500);
    return answer.body.message;
  }

  it('is missed when it is gone: nothing is acknowledged until it is back', async () => {
    const { client, logger } = await start();
    await client.request('POST', '/metadata/workflow', FLOW);
    const before = (await client.request('POST', '/workflow/flow', {})).text;
    renameSync(log(), `${log()}.moved`);
    const message = await refusal(client);
    expect(message).toContain(`The file ${file} of the embedded server cannot be written`);
    expect(message).toContain(`its log ${log()} is missing`);
    expect(logger.at('error')).toHaveLength(1);
    writeFileSync(log(), '');
    expect(await refusal(client)).toContain(`another file is in the place of its log ${log()}`);
    renameSync(`${log()}.moved`, log());
    const after = await client.request('POST', '/workflow/flow', {});
    expect(after.status).toBe(200);
    const found = await client.expectOk<string[]>('GET', '/workflow/running/flow');
    expect(found.body).toEqual(expect.arrayContaining([before, after.text]));
  });

  it('is not needed for a stop, after which the file has everything', async () => {
    const first = await start();
    await first.client.request('POST', '/metadata/workflow', FLOW);
    const acknowledged = (await first.client.request('POST', '/workflow/flow', { x: 1 })).text;
    rmSync(log());
    await refusal(first.client);
    await first.server.close();
    const second = await start();
    expect((await second.client.request('GET', `/workflow/${acknowledged}`)).body).toMatchObject({
      status: 'RUNNING',
      input: { x: 1 },
    });
  });
});

describe('a full disk', () => {
  const disk = (): string => join(folder, 'disk');
  let isMounted = false;
  beforeEach(() => {
    mkdirSync(disk());
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk()], { stdio: 'pipe' });
      isMounted = true;
    } catch {
      isMounted = false;
    }
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.close()));
    if (isMounted) execFileSync('umount', ['-l', disk()]);
  });

  it('is answered with status 500 and the path, and nothing that was acknowledged is gone', async (context) => {
    if (!isMounted) {
      console.warn('SKIPPED: a full disk cannot be tested, since this user cannot mount a tmpfs');
      context.skip();
      return;
    }
    const path = join(disk(), 'conductor.db');
    const first = await start(path);
    await first.client.request('POST', '/metadata/workflow', FLOW);
    const acknowledged: string[] = [];
    const refused: string[] = [];
    while (refused.length < 3) {
      const answer = await first.client.request('POST', '/workflow/flow', { text: 'x'.repeat(20_000) });
      if (answer.status === 200) acknowledged.push(answer.text);
      else refused.push((answer.body as { message: string }).message);
    }
    expect(acknowledged.length).toBeGreaterThan(5);
    for (const message of refused) {
      expect(message).toContain(path);
      expect(message).toContain('full');
    }
    expect(first.logger.at('error')).toHaveLength(1);
    // What a killed process would leave.
    for (const suffix of ['', '-wal']) copyFileSync(`${path}${suffix}`, `${file}${suffix}`);
    const second = await start();
    for (const id of acknowledged) {
      expect((await second.client.request('GET', `/workflow/${id}`)).body).toMatchObject({
        status: 'RUNNING',
      });
    }
    const found = await second.client.request('GET', '/workflow/running/flow');
    expect(found.body).toHaveLength(acknowledged.length);
  });

  it('lets the server go on as soon as there is room', async (context) => {
    if (!isMounted) {
      console.warn('SKIPPED: a full disk cannot be tested, since this user cannot mount a tmpfs');
      context.skip();
      return;
    }
    const { client } = await start(join(disk(), 'conductor.db'));
    await client.request('POST', '/metadata/workflow', FLOW);
    const input = { text: 'x'.repeat(20_000) };
    let status = 200;
    while (status === 200) status = (await client.request('POST', '/workflow/flow', input)).status;
    expect(status).toBe(500);
    execFileSync('mount', ['-o', 'remount,size=8m', disk()]);
    expect((await client.request('POST', '/workflow/flow', input)).status).toBe(200);
  });
});

describe('decisions that nobody waits for', () => {
  const oneTurn = () => new Promise((resolve) => setImmediate(resolve));
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  /** A store that counts its transactions. */
  const countingStore = (): { store: FileStore; commits: () => number } => {
    let commits = 0;
    const open = (path: string): SqlConnection => {
      const connection = openSqlite(path);
      return {
        exec: (sql) => {
          if (sql === 'COMMIT') commits += 1;
          return connection.exec(sql);
        },
        close: () => connection.close(),
        prepare: (sql) => connection.prepare(sql),
      };
    };
    const store = new FileStore(file, { open });
    commits = 0;
    return { store, commits: () => commits };
  };
  const linesOf = (connection: SqlConnection): number => {
    const row = connection.prepare('SELECT count(*) AS n FROM task_log').get() as { n: number };
    return row.n;
  };
  const log = (line: string) => [{ taskId: 't', log: line, createdTime: 1 }];

  it('share a transaction, which is written although nobody asks', async () => {
    const { store, commits } = countingStore();
    for (const line of ['a', 'b', 'c']) {
      store.addLogs(log(line));
      await oneTurn();
    }
    expect(commits()).toBe(0);
    vi.runOnlyPendingTimers();
    await oneTurn();
    expect(commits()).toBe(1);
    expect(store.getLogs('t')).toHaveLength(3);
    expect(commits()).toBe(1);
    await store.close();
  });

  it('are written at once with one that somebody waits for', async () => {
    const { store, commits } = countingStore();
    store.addLogs(log('a'));
    await oneTurn();
    store.addLogs(log('b'));
    await Promise.all([store.durable(), store.durable()]);
    expect(commits()).toBe(1);
    await store.close();
    expect(inDatabase(linesOf)).toBe(2);
  });

  it('are not lost when the store is closed', async () => {
    const { store } = countingStore();
    store.addLogs(log('a'));
    await store.close();
    expect(inDatabase(linesOf)).toBe(1);
  });
});

describe('the schema', () => {
  const versionOf = (connection: SqlConnection): unknown =>
    (connection.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;

  it('is made in an empty file of version 0', () => {
    writeFileSync(file, '');
    inDatabase((connection) => {
      migrate(connection);
      expect(versionOf(connection)).toBe(MIGRATIONS.length);
      migrate(connection);
      expect(connection.prepare('SELECT * FROM workflow').all()).toEqual([]);
    });
  });

  it('is brought up to date step by step, and keeps the rows', () => {
    const steps = [
      'CREATE TABLE x (a)',
      'ALTER TABLE x ADD COLUMN b DEFAULT 2',
      'ALTER TABLE x ADD COLUMN c DEFAULT 3',
    ];
    inDatabase((connection) => {
      migrate(connection, steps.slice(0, 1));
      connection.exec('INSERT INTO x VALUES (1)');
      migrate(connection, steps);
      expect(connection.prepare('SELECT a, b, c FROM x').get()).toMatchObject({ a: 1, b: 2, c: 3 });
      expect(versionOf(connection)).toBe(3);
    });
  });

  it('stays as it was when a step fails', () => {
    inDatabase((connection) => {
      migrate(connection, ['CREATE TABLE x (a)']);
      expect(() => migrate(connection, ['CREATE TABLE x (a)', 'DROP TABLE x; SELECT nonsense'])).toThrow(
        'nonsense',
      );
      expect(versionOf(connection)).toBe(1);
      expect(connection.prepare('SELECT * FROM x').all()).toEqual([]);
    });
  });

  it('of a later version is refused, and not touched', async () => {
    inDatabase((connection) => {
      connection.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 999`);
    });
    const { message } = await failureOf();
    expect(message).toContain(`${file} has the schema version 999`);
    expect(inDatabase(versionOf)).toBe(999);
  });
});

describe('searches in a file', () => {
  it.each([
    [{ name: 'x' }, 'workflow_by_name'],
    [{ status: 'RUNNING' as const }, 'workflow_by_status'],
    [{ name: 'x', status: 'RUNNING' as const }, 'workflow_by_name_and_status'],
    [{ correlationId: 'x', name: 'x' }, 'workflow_by_correlation'],
    [{ parentId: 'x' }, 'workflow_by_parent'],
  ])('by %j use an index, and need no sorting', (filter, index) => {
    inDatabase((connection) => {
      migrate(connection);
      const { sql, values } = workflowQuery(filter);
      const plan = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(0, ...values) as { detail: string }[];
      const text = plan.map(({ detail }) => detail).join('\n');
      expect(text).toContain(`USING INDEX ${index} `);
      expect(text).not.toContain('TEMP B-TREE');
      expect(text).not.toContain('SCAN');
    });
  });

  it('never hold more than a few hundred rows', () => {
    let most = 0;
    const counting = (path: string): SqlConnection => {
      const connection = openSqlite(path);
      return {
        exec: (sql) => connection.exec(sql),
        close: () => connection.close(),
        prepare: (sql) => {
          const statement = connection.prepare(sql);
          return {
            run: (...values) => statement.run(...values),
            get: (...values) => statement.get(...values),
            all: (...values) => {
              const rows = statement.all(...values);
              most = Math.max(most, rows.length);
              return rows;
            },
          };
        },
      };
    };
    const store = new FileStore(file, { open: counting });
    store.addLogs(Array.from({ length: 1 }, () => ({ taskId: 't', log: 'x', createdTime: 1 })));
    expect([...store.findWorkflows({})]).toEqual([]);
    void store.close();
    inDatabase((connection) => {
      connection.exec(`
        INSERT INTO definition (hash, body) VALUES ('h', '{"name":"x","version":1,"tasks":[]}');
        INSERT INTO workflow (id, definition, name, status, is_open, end_time, state)
          WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5000)
          SELECT 'w' || i, 1, 'x', 'COMPLETED', 0, i, json_object('workflowId', 'w' || i, 'status', 'COMPLETED') FROM c;
        INSERT INTO workflow_input SELECT n, '{}' FROM workflow;
        INSERT INTO task (id, workflow, type, status, is_indexed, state)
          SELECT 't' || n, n, 'work', 'COMPLETED', 1, json_object('taskId', 't' || n, 'workflowTask', json('{}')) FROM workflow;
      `);
    });
    most = 0;
    const again = new FileStore(file, { open: counting });
    expect([...again.openExecutions()]).toEqual([]);
    for (const count of [
      [...again.findWorkflows({})].length,
      [...again.findWorkflows({ name: 'x', status: 'COMPLETED' })].length,
      [...again.findTasks({})].length,
      [...again.findTasks({ taskType: 'work' })].length,
      [...again.findTasks({ status: 'COMPLETED' })].length,
    ]) {
      expect(count).toBe(5_000);
    }
    expect(most).toBeLessThan(500);
    void again.close();
  });
});
