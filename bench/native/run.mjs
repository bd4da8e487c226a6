#!/usr/bin/env node
// What a call of a native function costs, by each way to make it. `node bench/native/run.mjs` prints a table; it needs
// `npm run build` and `npm run build:native`, and `node scripts/build-ffi-napi.mjs` for the rows of ffi-napi.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { libraryFile } from '../../scripts/native-commands.mjs';
import { CALLERS } from './callers.mjs';

const SCRIPT = fileURLToPath(import.meta.url);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const RUNS = 5;
const SYNC_MS = 300;
const IN_FLIGHT = [1, 16, 1000];

/** Nanoseconds a call, the best of several runs: what else the machine does only adds to it. */
function measureSync(call) {
  const batch = (count) => {
    const start = process.hrtime.bigint();
    let sum = 0;
    for (let i = 0; i < count; i++) sum += call(i & 1023, 2);
    const elapsed = Number(process.hrtime.bigint() - start);
    if (sum === 0) throw new Error('nothing was added');
    return elapsed / count;
  };
  let count = 1_000;
  while (batch(count) * count < 2e6) count *= 2;
  const perRun = Math.max(1, Math.round((SYNC_MS * 1e6) / batch(count)));
  return Math.min(...Array.from({ length: RUNS }, () => batch(perRun)));
}

/** Nanoseconds a call with so many in flight; the message when a call fails. */
async function measureAsync(call, inFlight) {
  const count = 20_000;
  const once = async () => {
    let next = 0;
    const start = process.hrtime.bigint();
    await Promise.all(
      Array.from({ length: inFlight }, async () => {
        while (next++ < count) if ((await call(20, 22)) !== 42) throw new Error('wrong sum');
      }),
    );
    return Number(process.hrtime.bigint() - start) / count;
  };
  try {
    await once();
    const runs = [];
    for (let i = 0; i < RUNS; i++) runs.push(await once());
    return Math.min(...runs);
  } catch (error) {
    return error.message;
  }
}

async function child(name, options) {
  const { sync, async } = await CALLERS[name](options.library, options);
  const row = { sync: measureSync(sync) };
  for (const inFlight of IN_FLIGHT) row[inFlight] = await measureAsync(async, inFlight);
  process.stdout.write(JSON.stringify(row));
}

function buildAddon(folder) {
  const headers = join(dirname(process.execPath), '..', 'include', 'node');
  if (process.platform === 'win32' || !existsSync(join(headers, 'node_api.h'))) return undefined;
  const addon = join(folder, 'addon.node');
  const source = fileURLToPath(new URL('addon.cpp', import.meta.url));
  const undefinedSymbols = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  execFileSync('c++', [
    '-O2',
    '-std=c++17',
    '-fPIC',
    '-shared',
    ...undefinedSymbols,
    `-I${headers}`,
    '-o',
    addon,
    source,
  ]);
  return addon;
}

function main() {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-native-'));
  mkdirSync(folder, { recursive: true });
  try {
    const library = join(
      ROOT,
      'native',
      'build',
      `${process.platform}-${process.arch}`,
      libraryFile('sum', process.platform),
    );
    if (!existsSync(library)) throw new Error(`${library} is not there: npm run build:native`);
    const addon = buildAddon(folder);
    const show = (value) =>
      typeof value === 'number' ? `${value < 1000 ? value.toFixed(1) : Math.round(value)}` : value;
    console.log(
      `Nanoseconds a call; ${new Date().toISOString().slice(0, 10)}, Node.js ${process.version}, ${process.platform}-${process.arch}, ${cpus().length} cores\n`,
    );
    console.log('| call | sync | async, 1 in flight | async, 16 | async, 1 000 |');
    console.log('| --- | ---: | ---: | ---: | ---: |');
    for (const name of Object.keys(CALLERS)) {
      const options = { library, addon, trace: join(folder, name.replaceAll(/\W/g, '-')) };
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [SCRIPT, name, JSON.stringify(options)],
        { encoding: 'utf8' },
      );
      if (status !== 0) {
        console.log(
          `| ${name} | not run: ${stderr.split('\n').find((line) => /Error/.test(line)) ?? stderr.slice(0, 200)} | | | |`,
        );
        continue;
      }
      const row = JSON.parse(stdout);
      console.log(`| ${name} | ${[row.sync, ...IN_FLIGHT.map((n) => row[n])].map(show).join(' | ')} |`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[2] === undefined) main();
else await child(process.argv[2], JSON.parse(process.argv[3]));
