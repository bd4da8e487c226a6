// npm run bench:server [-- --quick] [--only ROW[,ROW]] [--no-real] [--markdown]
//
// The embedded server under load from another process, and a real Conductor server beside it when Java and the server's
// jar are there. The embedded server runs as `tutti server`: one process, with one thread for all but scripts.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findParts } from '../scripts/conductor/parts.mjs';
import { startConductor } from '../scripts/conductor/server.mjs';
import { cpuMs, Program, stopEverything } from './lib/processes.mjs';

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
/** Each row: what it measures, the figures it shows, and whether a real server can do the same. */
const ROWS = {
  start: {
    isReal: false,
    run: () => {
      const runs = Array.from({ length: 5 }, () =>
        JSON.parse(execFileSync(process.execPath, [at('./embedded/start.mjs')])),
      );
      return {
        'start to listening, ms, including loading the code': median(runs.map(({ cold }) => cold)),
        'start to listening, ms, once it is loaded': median(runs.map(({ warm }) => warm)),
      };
    },
  },
  throughput: {
    isReal: true,
    run: async (server) => {
      const load = { workers: 32, open: 64, warmUpMs: options.quick ? 2_000 : 4_000, windowMs };
      const before = server.cpuMs();
      const { perSecond, done } = await put(server, 'throughput', load);
      return {
        'tasks/s, workflows of five SIMPLE tasks': perSecond,
        // Tells what one core can do, also where other programs are at work.
        '… CPU of the server, ms per task': (server.cpuMs() - before) / done,
      };
    },
  },
  latency: {
    isReal: true,
    run: async (server) => {
      const samples = server.isReal ? 100 : 500;
      const { p50, p99 } = await put(server, 'latency', { samples, pauseMs: 10 });
      return { 'start to poll, ms, p50': p50, 'start to poll, ms, p99': p99 };
    },
  },
  fork: {
    isReal: true,
    run: async (server) => {
      const { ms } = await put(server, 'fork', { branches: 1_000, workers: 8 });
      return { 'fork of 1 000 tasks, ms': ms };
    },
  },
  loop: {
    isReal: true,
    run: async (server) => {
      const { ms } = await put(server, 'loop', { iterations: 1_000 });
      return { 'loop of 1 000 turns with a script, ms': ms };
    },
  },
  memory: {
    isReal: false,
    run: async (server) => {
      const quarter = options.quick ? 5_000 : 25_000;
      const sizes = [];
      for (let n = 0; n < 4; n++) {
        await put(server, 'finish', { workflows: quarter, atATime: 32 });
        sizes.push(residentMb(server.pid));
      }
      return {
        [`resident MB after ${quarter} finished workflows`]: sizes[0],
        [`resident MB after ${4 * quarter} finished workflows`]: sizes.at(-1),
      };
    },
  },
};
const GOALS = {
  'start to listening, ms, once it is loaded': ['≤ 50', (value) => value <= 50],
  'tasks/s, workflows of five SIMPLE tasks': ['≥ 3 000', (value) => value >= 3_000],
  'start to poll, ms, p99': ['≤ 5', (value) => value <= 5],
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
  const own = await measure(wanted, startEmbedded);
  const others = options['no-real'] ? {} : await measureReal(wanted.filter((row) => ROWS[row].isReal));
  const figures = Object.entries(own).map(([title, value]) => {
    const [goal, isReached] = GOALS[title] ?? ['', undefined];
    const mark = isReached === undefined ? '' : isReached(value) ? 'reached' : 'not reached';
    return [title, show(value), title in others ? show(others[title]) : '', goal, mark];
  });
  print(['', 'embedded server', 'Conductor 3.32.1, SQLite', 'goal', ''], figures);
  console.log(
    `\n${cpus().length} × ${cpus()[0].model.trim()}, Node ${process.version}, ${new Date(startedAt).toISOString().slice(0, 10)}, ${Math.round((Date.now() - startedAt) / 1000)} s.`,
  );
}

async function measureReal(rows) {
  const parts = findParts();
  if ('reason' in parts) {
    console.error(`No real server: ${parts.reason}`);
    return {};
  }
  if (rows.length === 0) return {};
  real = await startConductor(parts);
  await real.ready;
  const server = { url: real.url, pid: real.pid, isReal: true, cpuMs: () => cpuMs([real.pid]) };
  const figures = await measure(rows, () => Promise.resolve({ server, stop: () => undefined }));
  await real.stop();
  real = undefined;
  return figures;
}

/** All rows, each on a server of its own where that is cheap. */
async function measure(rows, start) {
  const figures = {};
  for (const row of rows) {
    const { server, stop } = await start();
    const found = await ROWS[row].run(server);
    await stop();
    for (const [title, value] of Object.entries(found)) {
      process.stderr.write(`${server.isReal ? 'Conductor' : 'embedded'}: ${title}: ${show(value)}\n`);
    }
    Object.assign(figures, found);
  }
  return figures;
}

async function startEmbedded() {
  const args = [
    ...(process.env.BENCH_NODE_OPTIONS?.split(' ') ?? []),
    CLI,
    'server',
    '--port',
    '0',
    '--quiet',
  ];
  const program = new Program('the embedded server', process.execPath, args, { NODE_ENV: 'production' });
  const url = `http${await program.line('http')}`;
  const server = { url, pid: program.pid, isReal: false, cpuMs: () => cpuMs([program.pid]) };
  return { server, stop: () => program.stop(3_000) };
}

/** One load in a process of its own. */
async function put(server, load, parameters) {
  const program = new Program(load, process.execPath, [LOAD, load, server.url, JSON.stringify(parameters)]);
  const result = JSON.parse(`{${await program.line('{', 300_000)}`);
  await program.stop();
  return result;
}

function residentMb(pid) {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function show(value) {
  if (value >= 100) return Math.round(value).toLocaleString('en').replaceAll(',', ' ');
  return String(Number(value.toPrecision(3)));
}

function print(titles, rows) {
  if (options.markdown) {
    const line = (cells) => `| ${cells.join(' | ')} |`;
    console.log([line(titles), '| --- | ---: | ---: | --- | --- |', ...rows.map(line)].join('\n'));
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
