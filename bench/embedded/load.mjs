// node load.mjs LOAD URL OPTIONS: puts one kind of load on a server, and prints what it saw as one line of JSON.
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { cpuMs } from '../lib/processes.mjs';
import { Client } from './client.mjs';

const [load, url, options = '{}'] = process.argv.slice(2);
const client = new Client(url);
const name = (what) => `bench_${what}_${process.pid}_${threadId}`;
const simple = (type, ref) => ({
  name: type,
  taskReferenceName: ref,
  type: 'SIMPLE',
  inputParameters: { n: 1 },
});

const loads = { throughput, latency, fork, loop, finish };
const result = await loads[load](JSON.parse(options));
console.log(JSON.stringify(result));
await client.close();

/**
 * Workers that chain, on workflows of five tasks; a new workflow for each that ends. The window begins once the server's
 * code is compiled: after so many tasks, or when `warmUpMs` are over.
 */
async function throughput({ workers, open, warmUpTasks, warmUpMs, windowMs, pid }) {
  const type = name('step');
  const flow = name('five');
  await client.defineTask(type);
  await client.define(
    flow,
    [1, 2, 3, 4, 5].map((n) => simple(type, `t${n}`)),
  );
  for (let n = 0; n < open; n++) await client.start(flow);
  let done = 0;
  let warm;
  const isWarm = new Promise((resolve) => (warm = resolve));
  const stop = new AbortController();
  const work = async () => {
    while (!stop.signal.aborted) {
      let [task] = await client.poll(type, 1, 1000);
      while (task !== undefined && !stop.signal.aborted) {
        // The fifth result of a workflow makes room for the next.
        const isLast = task.referenceTaskName === 't5';
        const [next] = await Promise.all([client.complete(task), isLast ? client.start(flow) : undefined]);
        done += 1;
        if (done === warmUpTasks) warm();
        task = next;
      }
    }
  };
  const all = Promise.all(Array.from({ length: workers }, work));
  await Promise.race([isWarm, sleep(warmUpMs), all]);
  const [from, cpu, before] = [performance.now(), cpuMs([pid]), done];
  await Promise.race([sleep(windowMs), all]);
  const tasks = done - before;
  const perSecond = (tasks / (performance.now() - from)) * 1000;
  const cpuMsPerTask = (cpuMs([pid]) - cpu) / tasks;
  stop.abort();
  await all;
  return { perSecond, cpuMsPerTask };
}

/** From sending the start of a workflow to having its task, while a long poll waits for it. */
async function latency({ samples, pauseMs }) {
  const type = name('wait');
  const flow = name('one');
  await client.defineTask(type);
  await client.define(flow, [simple(type, 't')]);
  const times = [];
  for (let n = -20; n < samples; n++) {
    const poll = client.poll(type, 1, 5000);
    await sleep(pauseMs);
    const from = performance.now();
    const started = client.start(flow);
    const [task] = await poll;
    const ms = performance.now() - from;
    await started;
    if (task === undefined) throw new Error('a poll got nothing');
    if (n >= 0) times.push(ms);
    await client.completeOnly(task);
  }
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return { p50: at(0.5), p99: at(0.99), max: times.at(-1) };
}

/** A fork with this many branches of one task each, from its start to its end; nothing when that takes too long. */
async function fork({ branches, workers, withinMs }) {
  const type = name('branch');
  const flow = name('fork');
  const refs = Array.from({ length: branches }, (_, n) => `b${n}`);
  await client.defineTask(type);
  await client.define(flow, [
    {
      name: 'fork',
      taskReferenceName: 'fork',
      type: 'FORK_JOIN',
      forkTasks: refs.map((ref) => [simple(type, ref)]),
    },
    { name: 'join', taskReferenceName: 'join', type: 'JOIN', joinOn: refs },
  ]);
  const from = performance.now();
  const id = await client.start(flow);
  let left = branches;
  const work = async () => {
    while (left > 0 && performance.now() - from < withinMs) {
      const tasks = await client.poll(type, 20, 100);
      for (const task of tasks) {
        left -= 1;
        await client.completeOnly(task);
      }
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  const status = await client.ended(id, 5, from + withinMs);
  if (status === 'RUNNING') return {};
  if (status !== 'COMPLETED') throw new Error(`the fork is ${status}`);
  return { ms: performance.now() - from };
}

/** A loop of this many iterations whose body is a script; nothing when that takes too long. */
async function loop({ iterations, withinMs }) {
  const flow = name('loop');
  await client.define(flow, [
    {
      name: 'loop',
      taskReferenceName: 'loop',
      type: 'DO_WHILE',
      loopCondition: `$.loop['iteration'] < ${iterations}`,
      inputParameters: {},
      loopOver: [
        {
          name: 'count',
          taskReferenceName: 'count',
          type: 'INLINE',
          inputParameters: { evaluatorType: 'graaljs', expression: '(function () { return 6 * 7; })()' },
        },
      ],
    },
  ]);
  const from = performance.now();
  const id = await client.start(flow);
  const status = await client.ended(id, 20, from + withinMs);
  if (status === 'RUNNING') return {};
  if (status !== 'COMPLETED') throw new Error(`the loop is ${status}`);
  return { ms: performance.now() - from };
}

/** Starts workflows that end at once. */
async function finish({ workflows, atATime }) {
  const flow = name('short');
  await client.define(flow, [
    {
      name: 'set',
      taskReferenceName: 'set',
      type: 'SET_VARIABLE',
      inputParameters: { text: 'x'.repeat(100) },
    },
  ]);
  const from = performance.now();
  let left = workflows;
  const work = async () => {
    while (left-- > 0) await client.start(flow);
  };
  await Promise.all(Array.from({ length: atATime }, work));
  return { perSecond: workflows / ((performance.now() - from) / 1000) };
}
