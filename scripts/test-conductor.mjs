// Runs the suites that must hold on every server against a real Conductor server.
//
//   npm run test:conductor                  the server of CONDUCTOR_SERVER_URL, or one that is started for the run
//   npm run test:conductor -- --require     exit code 1 when the suites cannot run
//   npm run test:conductor -- --report FILE also writes vitest's JSON report, or why nothing ran
//   npm run test:conductor -- --postgres    a server that keeps everything in a PostgreSQL, both started for the run
//   npm run test:conductor -- --serve       only starts a server, prints its address, stops it on Ctrl-C
//
// Other arguments go to vitest. A server of its own needs Java 21 or later, and CONDUCTOR_SERVER_JAR or Maven; with --postgres
// also the programs of PostgreSQL (POSTGRES_BIN, or where they are usually installed). Nothing else is installed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CONDUCTOR_VERSION, findParts } from './conductor/parts.mjs';
import { findPostgres, startPostgres } from './conductor/postgres.mjs';
import { startConductor } from './conductor/server.mjs';

const { values: options, positionals } = parseArgs({
  options: {
    require: { type: 'boolean' },
    serve: { type: 'boolean' },
    postgres: { type: 'boolean' },
    report: { type: 'string' },
  },
  allowPositionals: true,
});

const SUITES = options.postgres
  ? ['conformance', 'conductor', 'postgres']
  : ['conformance', 'examples', 'conductor'];

/** Undone in reverse order, at the end or on a signal. @type {(() => Promise<void> | void)[]} */
const releasers = [];
let isStopping = false;

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => {
    if (isStopping) return;
    isStopping = true;
    void release().then(() => process.exit(options.serve ? 0 : 128 + constants.signals[signal]));
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  if (!isStopping) await release();
}

async function main() {
  const given = process.env.CONDUCTOR_SERVER_URL;
  if (given && options.postgres && !options.serve) {
    throw new Error(
      `--postgres starts a server of its own, but CONDUCTOR_SERVER_URL=${given} names another: unset one of them`,
    );
  }
  if (given && !options.serve) {
    await mustAnswer(given);
    return await runSuites(given);
  }
  const parts = findParts();
  if ('reason' in parts) return notRun(parts.reason);
  const programs = options.postgres ? findPostgres() : undefined;
  if (programs !== undefined && 'reason' in programs) return notRun(programs.reason);

  let postgres;
  if (programs !== undefined) {
    console.log(`Starting PostgreSQL from ${programs.bin} …`);
    postgres = await startPostgres(programs);
    releasers.push(postgres.stop);
    // The tests that stop their server and its database start their own.
    process.env.TEST_TUTTI_POSTGRES_BIN = programs.bin;
  }
  console.log(`Starting Conductor ${CONDUCTOR_VERSION} on Java ${parts.version} …`);
  const server = await startConductor({ ...parts, postgres });
  releasers.push(server.stop);
  await server.ready;
  console.log(`Conductor is ready: CONDUCTOR_SERVER_URL=${server.url} (process ${server.pid})`);
  if (!options.serve) return await runSuites(server.url);
  console.log('Ctrl-C stops it.');
  await new Promise(() => setInterval(() => {}, 60_000));
  return 0;
}

/** @param {string} url */
async function mustAnswer(url) {
  try {
    await (await fetch(url, { signal: AbortSignal.timeout(10_000) })).arrayBuffer();
  } catch (error) {
    const cause = String(error instanceof Error ? (error.cause ?? error) : error);
    throw new Error(`No server answers at CONDUCTOR_SERVER_URL=${url}: ${cause}`, { cause: error });
  }
}

/** @param {string} url */
async function runSuites(url) {
  const args = [fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url)), 'run'];
  for (const suite of SUITES) args.push('--project', suite);
  if (options.report)
    args.push('--reporter=default', '--reporter=json', `--outputFile.json=${options.report}`);
  const child = spawn(process.execPath, [...args, ...positionals], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: 'inherit',
    env: { ...process.env, CONDUCTOR_SERVER_URL: url },
  });
  const ended = once(child, 'close');
  releasers.push(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  });
  const [code] = await ended;
  return code ?? 1;
}

/** @param {string} reason */
function notRun(reason) {
  const line = '!'.repeat(100);
  console.log(
    `${line}\nNOT RUN: the suites ${SUITES.join(', ')} on a real Conductor server${options.postgres ? ' with PostgreSQL' : ''}.\nReason: ${reason}\n${line}`,
  );
  if (options.report) writeFileSync(options.report, JSON.stringify({ notRun: reason }));
  return options.require || options.serve ? 1 : 0;
}

async function release() {
  for (const undo of releasers.splice(0).toReversed()) {
    try {
      await undo();
    } catch (error) {
      console.error(error);
    }
  }
}
