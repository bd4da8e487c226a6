// Starts and stops Conductor servers, each with a database of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const HEALTHY_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 10_000;

/**
 * Starts the server on a free port of the loopback interface. `ready` settles when the server says that it is healthy, or
 * rejects with the end of its log; `stop` may be called at any time. `halt` leaves the data, for another start with
 * `again`: the same port and the same database.
 *
 * @typedef {{ port: number, folder: string }} Place
 * @typedef {object} ConductorServer
 * @property {string} url
 * @property {number | undefined} pid
 * @property {Promise<void>} ready
 * @property {() => Promise<void>} stop
 * @property {() => Promise<Place>} halt
 *
 * @param {{ java: string, jar: string, again?: Place }} options
 * @returns {Promise<ConductorServer>}
 */
export async function startConductor({ java, jar, again }) {
  const { port, folder } = again ?? {
    port: await freePort(),
    folder: mkdtempSync(join(tmpdir(), 'tutti-conductor-')),
  };
  const logFile = join(folder, 'server.log');
  const log = openSync(logFile, 'w');
  const database = `jdbc:sqlite:${join(folder, 'conductor.db')}?busy_timeout=15000&journal_mode=WAL`;
  const child = spawn(
    java,
    [
      '-Xmx1g',
      '-jar',
      jar,
      '--server.address=127.0.0.1',
      `--server.port=${port}`,
      `--spring.datasource.url=${database}`,
      '--conductor.integrations.ai.enabled=false',
      '--conductor.scheduler.enabled=false',
    ],
    { cwd: folder, stdio: ['ignore', log, log] },
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
    return { port, folder };
  };

  const stop = async () => {
    await halt();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };

  return { url: `http://127.0.0.1:${port}/api`, pid: child.pid, ready, stop, halt };
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

async function freePort() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
