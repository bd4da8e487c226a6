// Prints how long a server takes to start on a file with many workflows, in milliseconds, and the size of the file.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { embeddedServer } from '../../dist/server/index.js';
import { openSqlite } from '../../dist/server/store/sqlite.js';
import { Client } from './client.mjs';

const { finished, open } = JSON.parse(process.argv[2]);
const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-'));
const file = join(folder, 'conductor.db');
const nothing = () => undefined;
const logger = { log: nothing, debug: nothing, info: nothing, warn: nothing, error: console.error };
const start = () => embeddedServer({ file, retention: { finished: 2 * finished } }).start(logger);

try {
  await fill();
  const runs = [];
  for (let run = 0; run < 3; run++) {
    const from = performance.now();
    const server = await start();
    runs.push(performance.now() - from);
    await server.close();
  }
  console.log(
    JSON.stringify({ ms: runs.toSorted((a, b) => a - b)[1], mb: Math.round(statSync(file).size / 1e6) }),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function fill() {
  const server = await start();
  const client = new Client(server.url);
  const tasks = [1, 2, 3, 4, 5].map((n) => ({ name: 'step', taskReferenceName: `t${n}`, type: 'SIMPLE' }));
  await client.defineTask('step');
  await client.define('flow', tasks);
  let left = open;
  const work = async () => {
    while (left-- > 0) await client.start('flow', { x: 1 });
  };
  await Promise.all(Array.from({ length: 50 }, work));
  await client.close();
  await server.close();
  // Finished ones are copies of an open one: 100 000 through the engine would take minutes.
  const connection = openSqlite(file);
  connection.exec(`
    INSERT INTO workflow (id, definition, name, status, is_open, end_time, state)
      WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${finished})
      SELECT 'w' || i, (SELECT n FROM definition LIMIT 1), 'flow', 'COMPLETED', 0, i,
        json_set((SELECT state FROM workflow LIMIT 1), '$.workflowId', 'w' || i, '$.status', 'COMPLETED') FROM c;
    INSERT INTO workflow_input SELECT n, '{}' FROM workflow WHERE is_open = 0;
    INSERT INTO task (id, workflow, type, status, is_indexed, state)
      SELECT t.i || 't' || w.n, w.n, 'step', 'COMPLETED', 1, (SELECT state FROM task LIMIT 1)
      FROM workflow AS w, (SELECT 1 AS i UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) AS t
      WHERE w.is_open = 0`);
  connection.close();
}
