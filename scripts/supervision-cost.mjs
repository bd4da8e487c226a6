// node scripts/supervision-cost.mjs [--rounds N]: what looking after worker processes costs. Runs the rows `idle` and
// `throughput` of the benchmark with the build in dist/, and with a copy of it whose beats and looks come once a day,
// in turns, and prints the medians. Needs `npm run build` and the benchmark's packages (`npm run bench` installs them).
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const INTERVALS = [
  ['dist/orchestrator/worker-host.js', 'const BEAT_MS = 2_000;'],
  ['dist/orchestrator/supervisor.js', 'const WATCH_MS = 1_000;'],
];

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

/** Figures of one run: `row metric` → value. */
function measure(folder) {
  const args = ['bench/run.mjs', '--quick', '--only', 'idle,throughput', '--clients', 'tutti'];
  execFileSync(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  const date = new Date().toISOString().slice(0, 10);
  const { samples } = JSON.parse(readFileSync(join(folder, `bench/results/${date}.tmp.json`), 'utf8'));
  const own = samples.filter(({ client }) => client === 'tutti');
  return own.flatMap(({ case: row, metrics }) =>
    ['cpuPercent', 'tasksPerSecond', 'cpuMsPerTask'].flatMap((name) =>
      metrics[name] === undefined ? [] : [[`${row} ${name}`, metrics[name]]],
    ),
  );
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const folder = mkdtempSync(join(tmpdir(), 'tutti-supervision-'));
try {
  withoutSupervision(folder);
  const figures = new Map();
  for (let round = 0; round < Number(values.rounds); ++round) {
    for (const [side, at] of [
      ['with', ROOT],
      ['without', folder],
    ]) {
      for (const [name, value] of measure(at)) {
        if (!figures.has(name)) figures.set(name, { with: [], without: [] });
        figures.get(name)[side].push(value);
      }
    }
  }
  for (const [name, sides] of figures) {
    const [on, off] = [median(sides.with), median(sides.without)];
    const difference = name.endsWith('cpuPercent')
      ? `${(on - off).toFixed(2)} points`
      : `${((on / off - 1) * 100).toFixed(1)} %`;
    console.log(`${name.padEnd(28)} with ${on.toPrecision(4)}, without ${off.toPrecision(4)}: ${difference}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
