// Random kills, outages and restarts over tens of thousands of tasks; at the end none may be unaccounted for.
//
//   npm run soak                       three minutes, 30 000 tasks
//   npm run soak -- --minutes 10 --tasks 100000 --seed 7
//
// Leases are an hour long, so that no time-out of the server can hide a task that was lost. Exit code 1 when a task has
// not ended, has ended without a reason, or when processes or results are left behind.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ConsoleLogger } from 'tutti';
import { embeddedServer } from 'tutti/server';
import { apiOf } from './conductor/api.mjs';
import { Proxy } from './soak/proxy.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    tasks: { type: 'string', default: '30000' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    verbose: { type: 'boolean', default: false },
  },
});
const DURATION_MS = Number(values.minutes) * 60_000;
const TASKS = Number(values.tasks);
/** Once nothing breaks any more, the rest is taken for lost when none of it has ended for so long, */
const STALL_MS = 60_000;
/** and at the latest after this. Suspects run alone, one after the other, so that some minutes may pass. */
const CALM_MS = 600_000;
const TYPES = ['soak_quick', 'soak_quick', 'soak_quick', 'soak_slow', 'soak_durable'];

const random = generator(Number(values.seed));
const between = (least, most) => least + random() * (most - least);
const figures = { started: 0, workerKills: 0, applicationKills: 0, stops: 0, outages: 0, unclean: 0 };

const folder = mkdtempSync(join(tmpdir(), 'tutti-soak-'));
const server = await embeddedServer().start(new ConsoleLogger('error'));
const call = apiOf(server.url);
const proxy = new Proxy(server.url);
await proxy.open();
for (const name of new Set(TYPES)) {
  await api('POST', '/metadata/taskdefs', [
    { name, retryCount: 50, retryDelaySeconds: 0, responseTimeoutSeconds: 3_600, timeoutSeconds: 0 },
  ]);
}

let isOver = false;
/** Every process that the application ever had. */
const allPids = new Set();
let app = await startApplication();
/** @type {Promise<void> | undefined} */
let restarting;
const workflows = [];
const begunAt = Date.now();

console.log(`seed ${values.seed}: ${TASKS} tasks in ${values.minutes} minutes, server ${server.url}`);
await Promise.all([startTasks(), breakProcesses(), breakNetwork()]);
proxy.mode = 'pass';
await restarting;
const calmFrom = Date.now();
const unended = await untilEnded();
const calmMs = Date.now() - calmFrom;
if (unended.length > 0) await showOpen(unended);
app.process.kill('SIGTERM');
const [lastExit] = app.process.exitCode === null ? await once(app.process, 'exit') : [app.process.exitCode];
const result = await account();
const left = {
  results: readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith('.result.json'))
    .length,
  processes: [...allPids].filter((pid) => isAlive(pid)).length,
};
await proxy.close();
await server.close();
rmSync(folder, { recursive: true, force: true });

const report = {
  ...figures,
  requests: proxy.requests,
  brokenRequests: proxy.broken,
  calmMs,
  lastExit,
  ...result,
  left,
};
console.log(JSON.stringify(report, null, 2));
const isGood =
  result.unaccounted === 0 &&
  left.results === 0 &&
  left.processes === 0 &&
  lastExit === 0 &&
  figures.unclean === 0;
console.log(isGood ? 'Nothing was lost.' : 'FAILED: see the figures above.');
process.exit(isGood ? 0 : 1);

async function startTasks() {
  for (let number = 0; number < TASKS; number++) {
    const dueAt = begunAt + (DURATION_MS * 0.95 * number) / TASKS;
    if (dueAt > Date.now()) await sleep(dueAt - Date.now());
    workflows.push(await startTask(number));
    figures.started++;
  }
}

async function startTask(number) {
  const type = TYPES[Math.floor(random() * TYPES.length)];
  const dice = random();
  const kind = dice < 0.001 ? 'poison' : dice < 0.003 ? 'fail' : dice < 0.03 ? 'compute' : 'wait';
  const ms = type === 'soak_slow' ? between(100, 500) : between(0, 20);
  const tasks = [
    {
      name: type,
      taskReferenceName: 'task',
      type: 'SIMPLE',
      inputParameters: { number, kind, ms: Math.round(kind === 'compute' ? between(5, 50) : ms) },
      ...(kind === 'fail'
        ? {
            taskDefinition: {
              name: type,
              retryCount: 2,
              retryDelaySeconds: 0,
              responseTimeoutSeconds: 3_600,
              timeoutSeconds: 0,
            },
          }
        : {}),
    },
  ];
  return await api('POST', '/workflow', {
    name: 'soak',
    workflowDef: { name: 'soak', version: 1, schemaVersion: 2, tasks },
  });
}

async function breakProcesses() {
  for (;;) {
    await sleep(between(500, 3_000));
    if (Date.now() - begunAt > DURATION_MS) return;
    const dice = random();
    if (dice < 0.7) {
      const pids = [...app.latest];
      const pid = pids[Math.floor(random() * pids.length)];
      if (pid !== undefined && kill(pid)) figures.workerKills++;
    } else if (dice < 0.9) {
      figures.applicationKills++;
      const isEverything = random() < 0.5;
      const victims = isEverything ? [app.process.pid, ...app.latest] : [app.process.pid];
      for (const pid of victims) kill(pid);
      await restart();
    } else {
      figures.stops++;
      app.process.kill('SIGTERM');
      await restart();
    }
  }
}

/** Like a supervisor: as soon as the program has ended. */
async function restart() {
  restarting = (async () => {
    const { process: program } = app;
    const [code, signal] =
      program.exitCode === null && program.signalCode === null
        ? await once(program, 'exit')
        : [program.exitCode, program.signalCode];
    if (signal === null && code !== 0 && code !== 1) figures.unclean++;
    app = await startApplication();
  })();
  await restarting;
}

async function breakNetwork() {
  for (;;) {
    await sleep(between(3_000, 12_000));
    if (Date.now() - begunAt > DURATION_MS) return;
    figures.outages++;
    const dice = random();
    const ms = dice < 0.8 ? between(200, 4_000) : between(4_000, 12_000);
    if (random() < 0.5) {
      await proxy.refuse();
      await sleep(ms);
      await proxy.open();
    } else {
      proxy.mode = /** @type {const} */ (['503', 'before', 'after'])[Math.floor(random() * 3)];
      await sleep(ms);
      proxy.mode = 'pass';
    }
  }
}

async function startApplication() {
  const program = fork(fileURLToPath(new URL('./soak/app.mjs', import.meta.url)), [], {
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      TUTTI_STATE_DIR: folder,
      CONDUCTOR_SERVER_URL: proxy.url,
      CONDUCTOR_LOG_LEVEL: values.verbose ? 'info' : 'error',
    },
    stdio: ['ignore', 'ignore', values.verbose ? 'inherit' : 'pipe', 'ipc'],
  });
  let tail = '';
  program.stderr?.on('data', (chunk) => (tail = (tail + chunk).slice(-4_000)));
  const started = { process: program, latest: new Set() };
  const told = new Promise((resolve) => {
    program.on('message', ({ pids }) => {
      started.latest = new Set(pids);
      for (const pid of pids) allPids.add(pid);
      resolve(undefined);
    });
    program.once('exit', (code) => {
      if (started.latest.size === 0 && !isOver && code !== 0)
        console.error(`the application ended while starting (${code})\n${tail}`);
      resolve(undefined);
    });
  });
  await told;
  return started;
}

/** @returns the workflows that have not ended in time */
async function untilEnded() {
  const until = Date.now() + CALM_MS;
  let changedAt = Date.now();
  let open = workflows;
  for (;;) {
    const states = await each(open, async (id) => [
      id,
      (await api('GET', `/workflow/${id}?includeTasks=false`)).status,
    ]);
    const still = states.filter(([, status]) => status === 'RUNNING').map(([id]) => id);
    if (still.length < open.length) changedAt = Date.now();
    open = still;
    if (open.length === 0 || Date.now() > Math.min(until, changedAt + STALL_MS)) break;
    await sleep(1_000);
  }
  isOver = true;
  return open;
}

async function showOpen(ids) {
  console.error(`${ids.length} workflows have not ended; the first of them:`);
  for (const id of ids.slice(0, 10)) {
    const { tasks } = await api('GET', `/workflow/${id}`);
    for (const { taskId, taskType, status, workerId, pollCount, reasonForIncompletion, inputData } of tasks) {
      console.error(
        JSON.stringify({ taskId, taskType, status, workerId, pollCount, reasonForIncompletion, inputData }),
      );
    }
  }
}

/** What has become of each task, attempt by attempt. */
async function account() {
  const sums = { completed: 0, failed: 0, attempts: 0, reportedDeaths: 0, poisoned: 0, unaccounted: 0 };
  await each(workflows, async (id) => {
    const { status, tasks } = await api('GET', `/workflow/${id}`);
    const last = tasks.at(-1);
    if (
      status === 'COMPLETED' &&
      last.status === 'COMPLETED' &&
      last.outputData.number === last.inputData.number
    )
      sums.completed++;
    else if (status === 'FAILED' && last.status.startsWith('FAILED') && last.reasonForIncompletion)
      sums.failed++;
    else sums.unaccounted++;
    sums.attempts += tasks.length;
    const deaths = tasks.filter((task) => /process died/.test(task.reasonForIncompletion ?? ''));
    sums.reportedDeaths += deaths.length;
    if (last.status === 'FAILED_WITH_TERMINAL_ERROR' && /process died/.test(last.reasonForIncompletion))
      sums.poisoned++;
    // Each attempt before the last one has ended as well, and says why.
    const isSilent = tasks
      .slice(0, -1)
      .some((task) => !task.status.startsWith('FAILED') || !task.reasonForIncompletion);
    if (isSilent) sums.unaccounted++;
  });
  return sums;
}

async function each(items, work) {
  const results = [];
  const queue = [...items];
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let item = queue.pop(); item !== undefined; item = queue.pop()) results.push(await work(item));
    }),
  );
  return results;
}

async function api(method, path, body) {
  const text = await call(method, path, body);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function kill(pid) {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Random numbers from 0 to 1 that a seed repeats (mulberry32). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}
