// node scripts/supervision-cost.mjs [--rounds N] [--only idle,load]: what looking after worker processes costs. Runs ten
// idle workers, and one under load, with the build in dist/ and with a copy of it whose beats and looks come once a day,
// in turns, so that both see the same noise. Prints medians, spreads, and the median of the differences of neighbours.
// Needs `npm run build`, Linux and a C++ compiler (the load server of the benchmark).
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { LoadServer } from '../bench/lib/load-server.mjs';
import { stopEverything } from '../bench/lib/processes.mjs';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, only: { type: 'string', default: 'idle,load' } },
});
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const INTERVALS = [
  ['dist/host/worker-host.js', 'const BEAT_MS = 2_000;'],
  ['dist/orchestrator/supervisor.js', 'const WATCH_MS = 1_000;'],
];
const TEN_TYPES = Array.from({ length: 10 }, (_, index) => `idle_${index}`);
/** V8 goes on compiling and collecting for a while after a start. */
const SETTLE_MS = 20_000;
const IDLE_MS = 20_000;
const LOAD_MS = 5_000;

/** A copy of the project without supervision. */
function withoutSupervision(folder) {
  for (const name of ['dist', 'bench', 'package.json']) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true, verbatimSymlinks: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const [file, line] of INTERVALS) {
    const text = readFileSync(join(folder, file), 'utf8');
    if (!text.includes(line)) throw new Error(`${file} has no line "${line}"`);
    writeFileSync(join(folder, file), text.replace(line, line.replace(/\d+_000/, '86_400_000')));
  }
}

/** Processor time of a process so far, to the nanosecond: the ticks of /proc/PID/stat are too coarse for an idle one. */
function cpuMs(pid) {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    try {
      return sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
    } catch {
      return sum; // The thread has ended.
    }
  }, 0);
}

/** Percent of one core: the orchestrator, and all workers together. */
async function idle(server, startClient) {
  await server.reset({});
  const program = startClient('tutti', { url: server.url, types: TEN_TYPES, concurrency: 1 }, state);
  try {
    await program.line('BENCH ');
    await sleep(SETTLE_MS);
    const pids = program.pids();
    const before = new Map(pids.map((pid) => [pid, cpuMs(pid)]));
    const startedAt = performance.now();
    await sleep(IDLE_MS);
    const passedMs = performance.now() - startedAt;
    const percentOf = (some) =>
      some.reduce((sum, pid) => sum + ((cpuMs(pid) - before.get(pid)) / passedMs) * 100, 0);
    const all = percentOf(pids);
    const orchestrator = percentOf([program.pid]);
    return {
      'idle, all, % CPU': all,
      'idle, orchestrator, % CPU': orchestrator,
      'idle, workers, % CPU': all - orchestrator,
    };
  } finally {
    await program.stop();
  }
}

/** One worker whose queue is never empty. */
async function load(server, startClient, { warmUp, watch }) {
  await server.reset({ type: 'bench', backlog: -1, mode: 'chain' });
  const program = startClient('tutti', { url: server.url, types: ['bench'], concurrency: 10 }, state);
  try {
    await program.line('BENCH ');
    await warmUp(server, program, { tasks: 30_000, minMs: 2_000, maxMs: 4_000 });
    const { tasksPerSecond, cpuMsPerTask } = await watch(server, program, LOAD_MS);
    return { 'load, tasks/s': tasksPerSecond, 'load, CPU µs per task': cpuMsPerTask * 1_000 };
  } finally {
    await program.stop();
  }
}

const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
const median = (numbers) => {
  const all = sorted(numbers);
  const half = Math.floor(all.length / 2);
  return all.length % 2 === 1 ? all[half] : (all[half - 1] + all[half]) / 2;
};
const digits = (number) => (Math.abs(number) >= 100 ? number.toFixed(0) : number.toFixed(3));
const spread = (numbers) =>
  `${digits(median(numbers))} (${digits(Math.min(...numbers))} to ${digits(Math.max(...numbers))})`;

const folder = mkdtempSync(join(tmpdir(), 'tutti-supervision-'));
const state = join(folder, 'state');
const measures = { idle, load };
try {
  mkdirSync(state);
  withoutSupervision(folder);
  const sides = {};
  for (const [side, root] of [
    ['with', ROOT],
    ['without', folder],
  ]) {
    sides[side] = await import(pathToFileURL(join(root, 'bench/lib/measure.mjs')));
  }
  const server = await LoadServer.start();
  const figures = new Map();
  for (const name of values.only.split(',')) {
    for (let round = 0; round < Number(values.rounds); ++round) {
      // Whoever comes second may find a warmer or a busier machine.
      for (const side of round % 2 === 0 ? ['with', 'without'] : ['without', 'with']) {
        const result = await measures[name](server, sides[side].startClient, sides[side]);
        for (const [what, value] of Object.entries(result)) {
          if (!figures.has(what)) figures.set(what, { with: [], without: [] });
          figures.get(what)[side].push(value);
        }
      }
    }
  }
  for (const [what, { with: on, without: off }] of figures) {
    const isShare = what.endsWith('% CPU');
    const differences = on.map((value, round) =>
      isShare ? value - off[round] : (value / off[round] - 1) * 100,
    );
    const unit = isShare ? 'points' : '%';
    console.log(
      `${what.padEnd(28)} with ${spread(on)}, without ${spread(off)}: ${median(differences).toFixed(2)} ${unit} ` +
        `(${sorted(differences)
          .map((one) => one.toFixed(2))
          .join(', ')})`,
    );
  }
} finally {
  await stopEverything();
  rmSync(folder, { recursive: true, force: true });
}
