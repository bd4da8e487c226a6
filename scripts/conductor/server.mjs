// Starts and stops Conductor servers, each with a database of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.mjs';

const HEALTHY_WITHIN_MS = 300_000;
const STOP_WITHIN_MS = 10_000;

/**
 * Starts the server on a free port of the loopback interface. `ready` settles when the server says that it is healthy, or
 * rejects with the end of its log; `stop` may be called at any time. `halt` leaves the data, for another start with
 * `again`: the same port and the same database.
 *
 * @typedef {{ url: string, user: string, password: string }} Database of PostgreSQL
 * @typedef {{ port: number, folder: string, postgres?: Database }} Place
 * @typedef {object} ConductorServer
 * @property {string} url
 * @property {number | undefined} pid
 * @property {Promise<void>} ready
 * @property {() => Promise<void>} stop
 * @property {() => Promise<Place>} halt
 *
 * @param {object} options
 * @param {string} options.java
 * @param {string} options.jar
 * @param {Place} [options.again]
 * @param {Database} [options.postgres] where everything is kept, instead of in a SQLite file of its own
 * @returns {Promise<ConductorServer>}
 */
export async function startConductor({ java, jar, again, postgres: database }) {
  const place = again ?? {
    port: await freePort(),
    folder: mkdtempSync(join(tmpdir(), 'tutti-conductor-')),
    postgres: database,
  };
  const { port, folder, postgres } = place;
  const logFile = join(folder, 'server.log');
  const log = openSync(logFile, 'w');
  const child = spawn(
    java,
    [
      '-Xmx1g',
      '-jar',
      jar,
      '--server.address=127.0.0.1',
      `--server.port=${port}`,
      ...(postgres === undefined ? sqliteIn(folder) : onPostgres(postgres)),
      '--conductor.integrations.ai.enabled=false',
      '--conductor.scheduler.enabled=false',
    ],
    {
      cwd: folder,
      stdio: ['ignore', log, log],
      // Arguments are there for every user of the machine to read.
      env: { ...process.env, ...(postgres && { SPRING_DATASOURCE_PASSWORD: postgres.password }) },
    },
  );
  closeSync(log);
  const ended = once(child, 'close').then(
    ([code, signal]) => `ended with ${signal ?? `code ${code}`}`,
    (error) => `cannot be started: ${error.message}`,
  );

  const ready = Promise.race([untilHealthy(`http://127.0.0.1:${port}/health`), ended]).then((problem) => {
    if (problem === undefined) return;
    const tail = readFileSync(logFile, 'utf8').split('\n').slice(-60).join('\n');
    throw new Error(`The Conductor server ${problem}. The end of its log:\n${tail}`);
  });

  const halt = async () => {
    child.kill('SIGTERM');
    const isStopped = await Promise.race([
      ended.then(() => true),
      sleep(STOP_WITHIN_MS, false, { ref: false }),
    ]);
    if (!isStopped) child.kill('SIGKILL');
    await ended;
    return place;
  };

  const stop = async () => {
    await halt();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };

  return { url: `http://127.0.0.1:${port}/api`, pid: child.pid, ready, stop, halt };
}

/** @param {string} folder */
function sqliteIn(folder) {
  const file = join(folder, 'conductor.db');
  return [`--spring.datasource.url=jdbc:sqlite:${file}?busy_timeout=15000&journal_mode=WAL`];
}

/** @param {Database} postgres */
function onPostgres({ url, user }) {
  return [
    `--spring.datasource.url=${url}`,
    `--spring.datasource.username=${user}`,
    '--conductor.db.type=postgres',
    '--conductor.queue.type=postgres',
    '--conductor.indexing.type=postgres',
    '--conductor.indexing.enabled=true',
  ];
}

/** @param {string} healthUrl */
async function untilHealthy(healthUrl) {
  const deadline = Date.now() + HEALTHY_WITHIN_MS;
  while (Date.now() < deadline) {
    try {
      const response = await fetch(healthUrl, { signal: AbortSignal.timeout(5_000) });
      await response.arrayBuffer();
      if (response.ok) return undefined;
    } catch {
      // Not listening yet.
    }
    await sleep(250);
  }
  return `is not healthy after ${HEALTHY_WITHIN_MS / 1_000} s`;
}
