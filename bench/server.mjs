// npm run bench:server [-- --quick] [--only ROW[,ROW]] [--no-real] [--markdown]
//
// The embedded server under load from another process, in memory and in a file, and a real Conductor server beside it when
// Java and the server's jar are there. The embedded server runs as `tutti server`: one process, with one thread for all but
// scripts.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findParts } from '../scripts/conductor/parts.mjs';
import { startConductor } from '../scripts/conductor/server.mjs';
import { Program, stopEverything } from './lib/processes.mjs';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const CLI = at('../scripts/tutti.mjs');
const LOAD = at('./embedded/load.mjs');

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    'no-real': { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});

const windowMs = options.quick ? 3_000 : 10_000;
/** How long a workflow may take: on a real server each decision reads all of its tasks. */
const WITHIN_MS = 60_000;
/** Where the embedded server keeps everything, and the real one. */
const COLUMNS = { memory: 'in memory', file: 'in a file', real: 'Conductor 3.32.1, SQLite' };
const EMBEDDED = ['memory', 'file'];
const EVERYWHERE = [...EMBEDDED, 'real'];
/** Each row: on which servers it runs, whether it starts them itself, and the figures that it measures there. */
const ROWS = {
  start: {
    columns: ['memory'],
    hasOwnServer: true,
    run: () => {
      const runs = Array.from({ length: 5 }, () => print([at('./embedded/start.mjs')]));
      return {
        'start to listening, ms, including loading the code': median(runs.map(({ cold }) => cold)),
        'start to listening, ms, once it is loaded': median(runs.map(({ warm }) => warm)),
      };
    },
  },
  recovery: {
    columns: ['file'],
    hasOwnServer: true,
    run: () => {
      const size = { finished: 100_000, open: 1_000 };
      const { ms } = print([at('./embedded/recovery.mjs'), JSON.stringify(size)]);
      return { 'start with 100 000 finished and 1 000 open workflows, ms': ms };
    },
  },
  throughput: {
    columns: EVERYWHERE,
    run: async (server) => {
      const load = { workers: 32, open: 64, warmUpTasks: 5_000, warmUpMs: 30_000, windowMs, pid: server.pid };
      const { perSecond, cpuMsPerTask } = await put(server, 'throughput', load);
      return {
        'tasks/s, workflows of five SIMPLE tasks': perSecond,
        // Tells what one core can do, also where other programs are at work.
        '… CPU of the server, ms per task': cpuMsPerTask,
      };
    },
  },
  latency: {
    columns: EVERYWHERE,
    run: async (server) => {
      const samples = server.isReal ? 100 : 500;
      const { p50, p99 } = await put(server, 'latency', { samples, pauseMs: 10 });
      return { 'start to poll, ms, p50': p50, 'start to poll, ms, p99': p99 };
    },
  },
  fork: {
    columns: EVERYWHERE,
    run: async (server) => {
      const { ms } = await put(server, 'fork', { branches: 1_000, workers: 8, withinMs: WITHIN_MS });
      return { 'fork of 1 000 tasks, ms': ms ?? Infinity };
    },
  },
  loop: {
    columns: EVERYWHERE,
    run: async (server) => {
      const { ms } = await put(server, 'loop', { iterations: 1_000, withinMs: WITHIN_MS });
      return { 'loop of 1 000 iterations with a script, ms': ms ?? Infinity };
    },
  },
  memory: {
    columns: EMBEDDED,
    hasOwnServer: true,
    run: (server) => {
      const step = options.quick ? 2_000 : 10_000;
      const load = { kept: 1_000, steps: 5, workflows: step, isInFile: server.column === 'file' };
      const { heapMb } = print(['--expose-gc', at('./embedded/memory.mjs'), JSON.stringify(load)]);
      return {
        [`heap MB, 1 000 workflows kept, after ${step}`]: heapMb[0],
        [`heap MB, 1 000 workflows kept, after ${5 * step}`]: heapMb.at(-1),
        '… growth in between, MB': heapMb.at(-1) - heapMb[0],
      };
    },
  },
};
const atLeast = (goal) => ({ text: `≥ ${show(goal)}`, isReached: (value) => value >= goal });
const atMost = (goal) => ({ text: `≤ ${show(goal)}`, isReached: (value) => value <= goal });
const GOALS = {
  'start to listening, ms, once it is loaded': { memory: atMost(50) },
  'start with 100 000 finished and 1 000 open workflows, ms': { file: atMost(1_000) },
  'tasks/s, workflows of five SIMPLE tasks': { memory: atLeast(3_000), file: atLeast(1_000) },
  '… CPU of the server, ms per task': { memory: atMost(1 / 3), file: atMost(1) },
  'start to poll, ms, p99': { memory: atMost(5) },
  '… growth in between, MB': { memory: atMost(2), file: atMost(2) },
};

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => void stopAll().finally(() => process.exit(130)));
}
let real;
try {
  await main();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await stopAll();
}

async function stopAll() {
  await Promise.all([stopEverything(), real?.stop()]);
}

async function main() {
  const wanted = options.only?.split(',') ?? Object.keys(ROWS);
  const unknown = wanted.filter((row) => !(row in ROWS));
  if (unknown.length > 0)
    throw new Error(`No row "${unknown.join(', ')}"; rows are ${Object.keys(ROWS).join(', ')}.`);
  const startedAt = Date.now();
  /** By title and column. */
  const figures = new Map();
  for (const row of wanted) {
    for (const column of EMBEDDED) await measure(row, column, figures, startEmbedded);
  }
  if (!options['no-real']) await measureReal(wanted, figures);
  const lines = [...figures].map(([title, values]) => {
    const goals = Object.entries(GOALS[title] ?? {}).filter(([column]) => column in values);
    const missed = goals.filter(([column, goal]) => !goal.isReached(values[column]));
    const verdict =
      missed.length === 0 ? 'reached' : `not reached ${missed.map(([column]) => COLUMNS[column]).join(', ')}`;
    return [
      title,
      ...Object.keys(COLUMNS).map((column) => (column in values ? show(values[column]) : '')),
      goals.map(([column, { text }]) => `${text} ${COLUMNS[column]}`).join(', '),
      goals.length === 0 ? '' : verdict,
    ];
  });
  printTable(['', ...Object.values(COLUMNS), 'goal', ''], lines);
  console.log(
    `\n${cpus().length} × ${cpus()[0].model.trim()}, Node ${process.version}, ${new Date(startedAt).toISOString().slice(0, 10)}, ${Math.round((Date.now() - startedAt) / 1000)} s.`,
  );
}

async function measureReal(rows, figures) {
  const parts = findParts();
  if ('reason' in parts) {
    console.error(`\n*** NO REAL SERVER BESIDE IT: ${parts.reason} ***\n`);
    return;
  }
  const beside = rows.filter((row) => ROWS[row].columns.includes('real'));
  if (beside.length === 0) return;
  real = await startConductor(parts);
  await real.ready;
  const server = { url: real.url, pid: real.pid, isReal: true };
  for (const row of beside)
    await measure(row, 'real', figures, () => Promise.resolve({ server, stop: () => undefined }));
  await real.stop();
  real = undefined;
}

/** One row on one server; the embedded one is new for each. */
async function measure(row, column, figures, start) {
  const { columns, hasOwnServer, run } = ROWS[row];
  if (!columns.includes(column)) return;
  const { server, stop } = hasOwnServer ? { server: { column }, stop: () => undefined } : await start(column);
  const found = await run(server);
  await stop();
  for (const [title, value] of Object.entries(found)) {
    process.stderr.write(`${COLUMNS[column]}: ${title}: ${show(value)}\n`);
    figures.set(title, { ...figures.get(title), [column]: value });
  }
}

async function startEmbedded(column) {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-'));
  const args = [
    ...(process.env.BENCH_NODE_OPTIONS?.split(' ') ?? []),
    CLI,
    'server',
    '--port',
    '0',
    '--quiet',
    ...(column === 'file' ? ['--file', join(folder, 'conductor.db')] : []),
  ];
  const program = new Program('the embedded server', process.execPath, args, { NODE_ENV: 'production' });
  const url = `http${await program.line('http')}`;
  const server = { url, column, pid: program.pid, isReal: false };
  const stop = async () => {
    await program.stop(3_000);
    rmSync(folder, { recursive: true, force: true });
  };
  return { server, stop };
}

/** What a program of this folder prints as JSON. */
function print(args) {
  return JSON.parse(execFileSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
}

/** One load in a process of its own. */
async function put(server, load, parameters) {
  const program = new Program(load, process.execPath, [LOAD, load, server.url, JSON.stringify(parameters)]);
  const result = JSON.parse(`{${await program.line('{', 300_000)}`);
  await program.stop();
  return result;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function show(value) {
  if (value === Infinity) return `no end in ${WITHIN_MS / 1_000} s`;
  if (value >= 100) return Math.round(value).toLocaleString('en').replaceAll(',', ' ');
  return String(Number(value.toPrecision(3)));
}

function printTable(titles, rows) {
  if (options.markdown) {
    const line = (cells) => `| ${cells.join(' | ')} |`;
    console.log([line(titles), '| --- | ---: | ---: | ---: | --- | --- |', ...rows.map(line)].join('\n'));
    return;
  }
  const widths = titles.map((title, n) => Math.max(title.length, ...rows.map((row) => row[n].length)));
  for (const row of [titles, ...rows]) {
    console.log(
      row
        .map((cell, n) => (n === 0 ? cell.padEnd(widths[n]) : cell.padStart(widths[n])))
        .join('  ')
        .trimEnd(),
    );
  }
}
