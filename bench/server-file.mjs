// What a file costs the embedded server: npm run build && node bench/server-file.mjs
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddedServer } from '../dist/server/index.js';
import { openSqlite } from '../dist/server/store/sqlite.js';

const FINISHED = 100_000;
const OPEN = 1_000;
const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-'));
const file = join(folder, 'conductor.db');
const nothing = () => undefined;
const logger = { log: nothing, debug: nothing, info: nothing, warn: nothing, error: console.error };
const start = (options) =>
  embeddedServer({ retention: { finished: 10 * FINISHED }, ...options }).start(logger);
const post = async (server, path, body) => {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return response.text();
};
const since = (from) => `${Math.round(performance.now() - from)} ms`;

async function fill() {
  const server = await start({ file });
  const tasks = [1, 2, 3, 4, 5].map((n) => ({ name: `task${n}`, taskReferenceName: `task${n}` }));
  await post(server, '/metadata/workflow', { name: 'flow', tasks });
  const from = performance.now();
  for (let left = OPEN; left > 0; left -= 50)
    await Promise.all(Array.from({ length: 50 }, () => post(server, '/workflow/flow', { x: 1 })));
  console.log(`${OPEN} starts, 50 at a time: ${since(from)}`);
  await server.close();
  // Finished ones as copies of an open one; 100,000 through the engine would take minutes.
  const connection = openSqlite(file);
  connection.exec(`
    INSERT INTO workflow (id, definition, name, status, is_open, end_time, state)
      WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < ${FINISHED})
      SELECT 'w' || i, (SELECT n FROM definition LIMIT 1), 'flow', 'COMPLETED', 0, i,
        json_set((SELECT state FROM workflow LIMIT 1), '$.workflowId', 'w' || i, '$.status', 'COMPLETED') FROM c;
    INSERT INTO workflow_input SELECT n, '{}' FROM workflow WHERE is_open = 0;
    INSERT INTO task (id, workflow, type, status, is_indexed, state)
      SELECT 't' || n, n, 'task5', 'COMPLETED', 1, (SELECT state FROM task LIMIT 1) FROM workflow WHERE is_open = 0`);
  connection.close();
}

async function startUp() {
  const from = performance.now();
  const server = await start({ file });
  const size = Math.round(statSync(file).size / 1e6);
  console.log(`start-up with ${FINISHED} finished and ${OPEN} open workflows (${size} MB): ${since(from)}`);
  await server.close();
}

async function loop(count, options, where) {
  const server = await start(options);
  await post(server, '/metadata/workflow', {
    name: 'loop',
    tasks: [
      {
        name: 'loop',
        taskReferenceName: 'loop',
        type: 'DO_WHILE',
        loopCondition: `$.loop['iteration'] < ${count}`,
        loopOver: [
          { name: 'set', taskReferenceName: 'set', type: 'SET_VARIABLE', inputParameters: { v: 1 } },
        ],
      },
    ],
  });
  const from = performance.now();
  const id = await post(server, '/workflow/loop', {});
  for (let status = 'RUNNING'; status === 'RUNNING';) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const response = await fetch(`${server.url}/workflow/${id}?includeTasks=false`);
    ({ status } = await response.json());
  }
  console.log(`a loop of ${count} in ${where}: ${since(from)}`);
  await server.close();
}

try {
  await fill();
  for (let run = 0; run < 3; run++) await startUp();
  for (const count of [250, 500, 1_000]) {
    await loop(count, {}, 'memory');
    await loop(count, { file: join(folder, `loop-${count}.db`) }, 'a file');
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
