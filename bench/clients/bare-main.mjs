// No framework: the shortest loop over an undici pool that does the same requests. It shows what the load server can
// take and what is possible at all; it has no retries, no supervision, nothing a real worker needs.
import { Pool } from 'undici';
import { endWithParent, options, report } from './client.mjs';

const { url, types, concurrency } = options();
const pool = new Pool(url, { connections: concurrency });
const headers = { 'content-type': 'application/json' };

async function poll(type) {
  const path = `/api/tasks/poll/batch/${type}?workerid=bare&count=1&timeout=5000`;
  const { body } = await pool.request({ method: 'GET', path });
  return (await body.json())[0];
}

async function update(task) {
  const { taskId, workflowInstanceId } = task;
  const result = {
    taskId,
    workflowInstanceId,
    workerId: 'bare',
    status: 'COMPLETED',
    outputData: { ok: true },
  };
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: '/api/tasks/update-v2',
    headers,
    body: JSON.stringify(result),
  });
  const text = await body.text();
  return statusCode === 200 ? JSON.parse(text) : undefined;
}

async function loop(type) {
  for (;;) {
    let task = await poll(type);
    while (task) task = await update(task);
  }
}

for (const type of types) for (let i = 0; i < concurrency; ++i) void loop(type);
report({ event: 'ready' });
endWithParent();
