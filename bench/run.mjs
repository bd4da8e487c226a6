// npm run bench [-- --quick] [--only ROW[,ROW]] [--clients NAME[,NAME]] [--markdown]
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LoadServer } from './lib/load-server.mjs';
import { stopEverything } from './lib/processes.mjs';
import { format, tableOf } from './lib/report.mjs';
import { rowsOf } from './lib/rows.mjs';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const versionOf = (path) => JSON.parse(readFileSync(at(path), 'utf8')).version;

function optionsFromCommandLine() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      only: { type: 'string' },
      clients: { type: 'string' },
    },
  });
  const rows = rowsOf(values);
  const ids = rows.map((row) => row.id);
  const only = values.only?.split(',');
  const unknown = only?.filter((id) => !ids.includes(id)) ?? [];
  if (unknown.length > 0) throw new Error(`No row "${unknown.join(', ')}"; rows are ${ids.join(', ')}.`);
  const clients = values.clients?.split(',');
  return { ...values, only, clients, rows: rows.filter((row) => only?.includes(row.id) ?? true) };
}

function installPeers() {
  if (existsSync(at('./node_modules/@io-orkes/conductor-javascript'))) return;
  const args = [
    'install',
    '--prefix',
    at('./'),
    '--ignore-scripts',
    '--legacy-peer-deps',
    '--no-audit',
    '--no-fund',
  ];
  execFileSync('npm', args, { stdio: 'inherit' });
}

function machine() {
  return {
    cores: cpus().length,
    model: cpus()[0].model.trim(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    tutti: versionOf('../package.json'),
    officialSdk: versionOf('./node_modules/@io-orkes/conductor-javascript/package.json').replace(/^v/, ''),
  };
}

/** What should make a reader doubt a figure. */
function remarksOn({ foreignCpuPercent, stats }) {
  const remarks = [
    foreignCpuPercent > 10 && `noisy: ${Math.round(foreignCpuPercent)} % of a core was used by others`,
    stats.failed > 0 && `${stats.failed} tasks reported as failed`,
    stats.duplicates > 0 && `${stats.duplicates} results sent twice`,
    stats.unknown > 0 && `${stats.unknown} results of unknown tasks`,
  ].filter(Boolean);
  return remarks.length > 0 ? `  (${remarks.join('; ')})` : '';
}

/** All clients of a case one after the other, then the next case, then the next round: all see the same noise. */
async function measure(row, bench, isWanted, samples) {
  for (let round = 1; round <= row.rounds; ++round) {
    for (const parameters of row.cases) {
      for (const client of row.clients.filter(isWanted)) {
        const { metrics, seen, error } = await row
          .run(bench, client, parameters)
          .catch((reason) => ({ error: reason }));
        if (error !== undefined) {
          process.stderr.write(
            `${parameters.id} ${round}/${row.rounds} ${client}: FAILED: ${error.message}\n`,
          );
          process.exitCode = 1;
          continue;
        }
        samples.push({ row: row.id, case: parameters.id, client, round, metrics, ...(seen && { seen }) });
        const figures = Object.entries(metrics).map(
          ([name, value]) => `${name} ${Number(value.toPrecision(3))}`,
        );
        const remarks = seen ? remarksOn(seen) : '';
        process.stderr.write(
          `${parameters.id} ${round}/${row.rounds} ${client}: ${figures.join(', ')}${remarks}\n`,
        );
      }
    }
  }
}

async function main() {
  const options = optionsFromCommandLine();
  const isWanted = (client) => options.clients?.includes(client.split(':')[0]) ?? true;
  if (isWanted('tutti') && !existsSync(at('../dist/index.js'))) {
    throw new Error(
      'dist/ is missing: run "npm run build" first, or leave Tutti out with --clients official,bare.',
    );
  }
  installPeers();
  const stateDirectory = mkdtempSync(join(tmpdir(), 'tutti-bench-'));
  process.once('exit', () => rmSync(stateDirectory, { recursive: true, force: true }));
  const startedAt = new Date();
  const samples = [];
  try {
    const server = await LoadServer.start();
    for (const row of options.rows) await measure(row, { server, stateDirectory }, isWanted, samples);
  } finally {
    await stopEverything();
  }

  const table = tableOf(samples);
  const about = machine();
  const seen = samples.flatMap((sample) => sample.seen ?? []);
  const worst = (name) => Math.round(Math.max(0, ...seen.map((it) => it[name])));
  console.log(`\n${format(table, options)}\n`);
  console.log(
    `Median (least–most) of the rounds. ${about.cores} × ${about.model}, Node ${about.node}, official SDK ${about.officialSdk}, ` +
      `${startedAt.toISOString().slice(0, 10)}, ${Math.round((Date.now() - startedAt) / 1000)} s. ` +
      `The load server used at most ${worst('serverCpuPercent')} % of a core, other programs at most ${worst('foreignCpuPercent')} %.`,
  );
  // a part of the benchmark does not replace the whole one's result
  const suffix = options.quick || options.only || options.clients ? '.tmp.json' : '.json';
  mkdirSync(at('./results/'), { recursive: true });
  const file = at(`./results/${startedAt.toISOString().slice(0, 10)}${suffix}`);
  writeFileSync(file, `${JSON.stringify({ startedAt, machine: about, table, samples }, undefined, 1)}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => void stopEverything().finally(() => process.exit(130)));
}
await main().catch((error) => {
  console.error(error.constructor === Error ? error.message : error);
  process.exitCode = 1;
});
