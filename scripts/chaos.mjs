// npm run chaos [-- --minutes N]: hangs and leaks are injected into a running application for some minutes. Every hang
// must be ended in its time, no healthy process may be ended, and no task may be unaccounted for.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { embeddedServer } from '../dist/server/index.js';
import { apiOf } from './conductor/api.mjs';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '3' } } });
const RUN_MS = Number(values.minutes) * 60_000;
const BLOCKED_MS = 4_000;
/** Longer than a process that hangs is let live. */
const LONG_MS = 7_000;
/** How long a hang may last, all told; each look at a process takes up to a second, beats come every two. */
const LIMITS_MS = {
  block: BLOCKED_MS + 6_000,
  native: BLOCKED_MS + 6_000,
  spin: 2_000 + 10_000 + 4_000,
  deaf: 2_000 + 1_000 + 3_000,
  heap: 45_000,
  resident: 20_000,
  stop: BLOCKED_MS + 6_000,
};
const TYPES = ['healthy', 'computing', 'waiting', 'patient', 'victim', 'swollen', 'frozen'];
const WELL = ['healthy', 'computing', 'waiting', 'patient'];
const OVER = ['COMPLETED', 'FAILED', 'FAILED_WITH_TERMINAL_ERROR'];
const SETTLE_MS = 60_000;

const failures = [];
const tasks = [];
const tally = {};

const folder = mkdtempSync(join(tmpdir(), 'tutti-chaos-'));
const server = await embeddedServer().start({
  log() {},
  error() {},
  warn() {},
  info() {},
  debug() {},
  child() {},
});

const call = apiOf(server.url);
const read = async (path) => JSON.parse(await call('GET', path));

/** Starts a workflow of one task. */
async function run(type, input) {
  const workflowDef = {
    name: `of_${type}`,
    version: 1,
    schemaVersion: 2,
    tasks: [{ name: type, taskReferenceName: 'task', type: 'SIMPLE', inputParameters: input }],
  };
  const workflow = await read(
    `/workflow/${await call('POST', '/workflow', { name: workflowDef.name, workflowDef })}`,
  );
  const task = { id: workflow.tasks[0].taskId, type, input };
  tasks.push(task);
  return task;
}

async function until(what, limitMs, condition) {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) {
      failures.push(`waited ${limitMs} ms in vain for ${what}`);
      return undefined;
    }
    await sleep(100);
  }
}

const statusOf = async (task) => await read(`/tasks/${task.id}`);
const hasBegun = (task) =>
  until(
    `${task.type} ${task.id} to begin`,
    SETTLE_MS,
    async () => (await statusOf(task)).status !== 'SCHEDULED',
  );
const isOver = (task, limitMs) =>
  until(`the end of ${task.type} ${JSON.stringify(task.input)} (${task.id})`, limitMs, async () => {
    const now = await statusOf(task);
    return OVER.includes(now.status) && now;
  });

function note(kind, ms) {
  const entry = (tally[kind] ??= { count: 0, worstMs: 0 });
  entry.count++;
  entry.worstMs = Math.max(entry.worstMs, ms);
}

/** A task that hangs: it must have failed in its time, with a reason. */
async function hang(type, how) {
  const task = await run(type, { how });
  await hasBegun(task);
  const from = Date.now();
  const end = await isOver(task, LIMITS_MS[how]);
  if (end === undefined) return;
  note(how, Date.now() - from);
  if (end.status === 'COMPLETED' || !end.reasonForIncompletion)
    failures.push(`${how} ended as ${end.status} without a reason`);
}

/** A task that only seems to hang, or none at all: it must complete. */
async function work(type, ms) {
  const task = await run(type, { ms });
  const end = await isOver(task, ms + SETTLE_MS);
  if (end === undefined) return;
  note(type, 0);
  if (end.status !== 'COMPLETED')
    failures.push(`${type} ended as ${end.status}: ${end.reasonForIncompletion}`);
}

/** A process that a signal stops, with tasks in it. */
async function freeze(app) {
  const task = await run('frozen', { ms: 3_600_000 });
  await hasBegun(task);
  const replica = await until('frozen to be ready', SETTLE_MS, async () => {
    const { replicas } = await app.status();
    const one = replicas.find(({ replica: name }) => name.startsWith('frozen'));
    return one.state === 'ready' && one.tasks.some(({ taskId }) => taskId === task.id) && one;
  });
  if (replica === undefined) return;
  process.kill(replica.pid, 'SIGSTOP');
  const from = Date.now();
  if ((await isOver(task, LIMITS_MS.stop)) !== undefined) note('stop', Date.now() - from);
}

function startApp() {
  const child = fork(fileURLToPath(new URL('chaos/app.mjs', import.meta.url)), {
    env: {
      ...process.env,
      CONDUCTOR_SERVER_URL: server.url,
      CONDUCTOR_WORKER_ALL_BLOCKED_TIMEOUT: String(BLOCKED_MS),
      CONDUCTOR_WORKER_PATIENT_BLOCKED_TIMEOUT: '60000',
      TUTTI_STATE_DIR: folder,
      CONDUCTOR_LOG_LEVEL: 'silent',
    },
    // What dies of its heap writes pages.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  const ready = new Promise((resolve) => child.once('message', ({ healthUrl }) => resolve(healthUrl)));
  return {
    child,
    ended,
    ready: Promise.race([
      ready,
      ended.then(() => Promise.reject(new Error('the application did not start'))),
    ]),
    async status() {
      return await (await fetch(`${await this.ready}/status`)).json();
    },
  };
}

async function loop(until_, action) {
  while (Date.now() < until_) await action();
}

const app = startApp();
process.once('exit', () => {
  if (app.child.exitCode === null) app.child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
try {
  const definitions = TYPES.map((name) => ({
    name,
    retryCount: 0,
    responseTimeoutSeconds: 3_600,
    timeoutSeconds: 0,
  }));
  await call('POST', '/metadata/taskdefs', definitions);
  await app.ready;
  const end = Date.now() + RUN_MS;
  const kinds = ['block', 'native', 'spin', 'deaf'];
  let turn = 0;
  const next = () => kinds[turn++ % kinds.length];
  await Promise.all([
    loop(end, () => hang('victim', next())),
    loop(end, () => hang('victim', next())),
    loop(end, () => hang('swollen', turn % 2 === 0 ? 'heap' : 'resident')),
    loop(end, () => freeze(app)),
    loop(end, () => work('healthy', 50)),
    loop(end, () => work('computing', LONG_MS)),
    loop(end, () => work('waiting', LONG_MS)),
    loop(end, () => work('patient', LONG_MS)),
  ]);
  // Give what was frozen back to itself: its tasks of an hour are ended with it.
  const status = await app.status();
  for (const replica of status.replicas) {
    const name = replica.replica.split(':')[0];
    if (WELL.includes(name) && replica.restarts > 0)
      failures.push(`${replica.replica} was restarted: ${JSON.stringify(replica.restartsBy)}`);
    console.log(`${replica.replica.padEnd(24)} restarts ${JSON.stringify(replica.restartsBy)}`);
  }
  app.child.kill('SIGTERM');
  const { code } = await app.ended;
  if (code !== 0 && code !== 1) failures.push(`the application ended with ${code}`);
  const left = [];
  for (const task of tasks)
    if (!OVER.includes((await statusOf(task)).status)) left.push(`${task.type} ${task.id}`);
  if (left.length > 0) failures.push(`${left.length} tasks are unaccounted for: ${left.join(', ')}`);
} finally {
  await server.close();
}
for (const [kind, { count, worstMs }] of Object.entries(tally)) {
  const limit = LIMITS_MS[kind];
  console.log(
    `${kind.padEnd(24)} ${count}${limit === undefined ? ' completed' : ` ended, at most after ${worstMs} ms of ${limit}`}`,
  );
}
console.log(`${tasks.length} tasks in ${values.minutes} minutes, ${failures.length} failures`);
for (const failure of failures) console.log(`FAILED: ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;
