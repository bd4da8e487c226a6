// The rows of the benchmark: each is a list of cases, each case measures one program once.
import { setTimeout as sleep } from 'node:timers/promises';
import { startClient, warmUp, watch } from './measure.mjs';
import { commandOf, memoryOf } from './processes.mjs';

const TEN_TYPES = Array.from({ length: 10 }, (_, i) => `idle_${i}`);

/** Starts a client, hands it to `body` when it says that it is ready, stops it whatever happens. */
async function withClient({ server, stateDirectory }, client, options, body) {
  const program = startClient(client, { url: server.url, concurrency: 1, ...options }, stateDirectory);
  try {
    const ready = JSON.parse(await program.line('BENCH '));
    return await body(program, { ...ready, startMs: performance.now() - program.startedAt });
  } finally {
    await program.stop();
  }
}

/** Tasks are always there, of one type or of several. */
async function throughput(bench, client, { mode, concurrency, types = ['bench'], busyMs, windowMs }) {
  await bench.server.reset({ type: types.join(','), backlog: -1, mode });
  return withClient(bench, client, { types, concurrency, busyMs }, async (program) => {
    await warmUp(bench.server, program, { tasks: 10_000, minMs: 1000, maxMs: 2500 });
    const seen = await watch(bench.server, program, windowMs);
    const { tasksPerSecond, cpuMsPerTask } = seen;
    return { metrics: { tasksPerSecond, cpuMsPerTask }, seen };
  });
}

/** The same while the server refuses a part of the updates, against the same program just before that. */
async function faults(bench, client, { concurrency, percent, windowMs, healthyMs }) {
  await bench.server.reset({ type: 'bench', backlog: -1, mode: 'chain' });
  return withClient(bench, client, { types: ['bench'], concurrency }, async (program) => {
    await warmUp(bench.server, program, { tasks: 10_000, minMs: 1000, maxMs: 2500 });
    const healthy = await watch(bench.server, program, healthyMs);
    await bench.server.setFaults(percent);
    const seen = await watch(bench.server, program, windowMs);
    const { tasksPerSecond } = seen;
    return {
      metrics: { tasksPerSecond, percentOfHealthy: (tasksPerSecond / healthy.tasksPerSecond) * 100 },
      seen,
    };
  });
}

/** Tasks arrive at random, 50 a second; `wait` is how long update-v2 waits for a next task. */
async function latency(bench, client, { wait, windowMs }) {
  await bench.server.reset({ type: 'bench', rate: 50, mode: 'chain', wait });
  return withClient(bench, client, { types: ['bench'], concurrency: 10 }, async (program) => {
    await warmUp(bench.server, program, { tasks: Infinity, minMs: 3000, maxMs: 3000 });
    const seen = await watch(bench.server, program, windowMs);
    const { p50, p99 } = seen.stats.availableToResultMs;
    return { metrics: { p50Ms: p50, p99Ms: p99, cpuMsPerTask: seen.cpuMsPerTask }, seen };
  });
}

/** Ten task types and no task. */
async function idle(bench, client, { settleMs, windowMs }) {
  await bench.server.reset({});
  return withClient(bench, client, { types: TEN_TYPES }, async (program) => {
    await sleep(settleMs);
    const seen = await watch(bench.server, program, windowMs);
    const { requestsPerSecond, cpuPercent, processes } = seen;
    const residentMb = program.pids().reduce((sum, pid) => sum + memoryOf(pid).residentMb, 0);
    return { metrics: { requestsPerSecond, cpuPercent, processes, residentMb }, seen };
  });
}

/** From fork (or, without worker processes, from spawn) to ready; memory a moment later. */
async function startup(bench, client) {
  await bench.server.reset({});
  return withClient(bench, client, { types: ['bench'] }, async (program, ready) => {
    await sleep(250);
    const isWorker = (pid) => pid !== program.pid && commandOf(pid).includes('-main.mjs');
    const worker = program.pids().find(isWorker) ?? program.pid;
    return {
      metrics: {
        readyMs: ready.forkToReadyMs ?? ready.startMs,
        programReadyMs: ready.startMs,
        ...memoryOf(worker),
      },
    };
  });
}

/** @param quick one short round */
export function rowsOf({ quick }) {
  const rounds = (count) => (quick ? 1 : count);
  const windowMs = quick ? 1200 : 2000;
  const both = ['tutti', 'official'];
  const throughputCases = [1, 10, 100].flatMap((concurrency) =>
    ['chain', 'nochain'].map((mode) => ({ id: `${mode}-c${concurrency}`, mode, concurrency, windowMs })),
  );
  return [
    { id: 'throughput', clients: both, rounds: rounds(3), cases: throughputCases, run: throughput },
    {
      id: 'latency',
      clients: [...both, 'official:tuned'],
      rounds: rounds(2),
      cases: [{ id: 'latency', wait: 0, windowMs: quick ? 5000 : 8000 }],
      run: latency,
    },
    {
      id: 'latency-wait',
      clients: both,
      rounds: 1,
      cases: [{ id: 'latency-wait', wait: 100, windowMs: quick ? 5000 : 8000 }],
      run: latency,
    },
    {
      id: 'idle',
      clients: ['tutti', 'tutti:group', 'official', 'official:tuned'],
      rounds: 1,
      cases: [{ id: 'idle', settleMs: quick ? 5000 : 10_000, windowMs: quick ? 5000 : 8000 }],
      run: idle,
    },
    {
      id: 'startup',
      clients: ['tutti', 'baseline:inversify', 'baseline:empty', 'official'],
      rounds: rounds(3),
      cases: [{ id: 'startup' }],
      run: startup,
    },
    {
      id: 'faults',
      clients: both,
      rounds: 1,
      // one whole cycle of the official SDK, whose slots sleep 10 s after a refusal
      cases: [{ id: 'faults', concurrency: 10, percent: 1, windowMs: 10_500, healthyMs: windowMs }],
      run: faults,
    },
    {
      id: 'busy',
      clients: both,
      rounds: 1,
      cases: [
        {
          id: 'busy',
          mode: 'chain',
          concurrency: 1,
          types: ['busy_a', 'busy_b'],
          busyMs: 5,
          windowMs: quick ? 1500 : 3000,
        },
      ],
      run: throughput,
    },
    {
      id: 'ceiling',
      clients: ['bare'],
      rounds: 1,
      cases: throughputCases
        .filter(({ mode }) => mode === 'chain')
        .map((it) => ({ ...it, id: `ceiling-c${it.concurrency}` })),
      run: throughput,
    },
  ];
}
