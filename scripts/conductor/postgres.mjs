// Finds, starts and stops PostgreSQL servers, each with data of its own. Installs nothing.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.mjs';

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 15_000;
const PROGRAMS = ['initdb', 'postgres', 'pg_isready'];
/** Folders in which each installed version has one of its own. */
const INSTALLED = ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt'];
/** PostgreSQL refuses to run as root. The first of these users that exists runs it then. */
const USERS = ['postgres', 'nobody'];
const DATABASE_USER = 'conductor';

const run = promisify(execFile);

/**
 * The folder of PostgreSQL's programs: `POSTGRES_BIN`, a folder on the path, or the newest installed version.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly string[]} installed
 * @returns {{ bin: string } | { reason: string }}
 */
export function findPostgres(env = process.env, installed = INSTALLED) {
  const given = env.POSTGRES_BIN;
  if (given) {
    return hasPrograms(given)
      ? { bin: given }
      : { reason: `POSTGRES_BIN names ${given}, which lacks one of ${PROGRAMS.join(', ')}` };
  }
  const onPath = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const versions = installed.flatMap((root) =>
    listFolder(root)
      .toSorted((a, b) => versionOf(b) - versionOf(a))
      .map((name) => join(root, name, 'bin')),
  );
  const bin = [...onPath, ...versions].find(hasPrograms);
  if (bin !== undefined) return { bin };
  return {
    reason: `no PostgreSQL was found on the path or below ${installed.join(', ')}: install it, or set POSTGRES_BIN to the folder of ${PROGRAMS.join(', ')}`,
  };
}

/** @param {string} folder */
function hasPrograms(folder) {
  return PROGRAMS.every((name) => existsSync(join(folder, name)));
}

/** `15` and `postgresql@16` are versions; other folders come last. @param {string} name */
function versionOf(name) {
  return Number(/(\d+)$/.exec(name)?.[1] ?? 0);
}

/** @param {string} folder */
function listFolder(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * Makes a database in a temporary folder and starts it on a free port of the loopback interface, with a password of its
 * own. Resolves when it takes connections.
 *
 * @typedef {object} Postgres
 * @property {string} url for JDBC
 * @property {string} user
 * @property {string} password
 * @property {() => Promise<void>} crash ends it as a power failure does: clients lose their connections, and nothing is
 *   written any more
 * @property {() => Promise<void>} start starts it again after a crash: the same port and the same data
 * @property {() => Promise<void>} stop ends it and removes its data
 *
 * @param {{ bin: string }} programs
 * @returns {Promise<Postgres>}
 */
export async function startPostgres({ bin }) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'tutti-postgres-'));
  const account = unprivilegedAccount();
  const password = randomBytes(18).toString('base64url');
  const passwordFile = join(folder, 'password');
  const data = join(folder, 'data');
  const logFile = join(folder, 'postgres.log');
  const options = { cwd: folder, ...account };
  /** @type {{ child: import('node:child_process').ChildProcess, ended: Promise<string> } | undefined} */
  let server;

  const start = async () => {
    const log = openSync(logFile, 'a', 0o600);
    // No socket in the file system: nobody else meets this server by accident.
    const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories='];
    const args = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])];
    const child = spawn(join(bin, 'postgres'), args, { ...options, stdio: ['ignore', log, log] });
    closeSync(log);
    const ended = once(child, 'close').then(
      ([code, signal]) => `ended with ${signal ?? `code ${code}`}`,
      (error) => `cannot be started: ${error.message}`,
    );
    server = { child, ended };
    const problem = await Promise.race([untilReady(bin, port), ended]);
    if (problem === undefined) return;
    const tail = readFileSync(logFile, 'utf8').split('\n').slice(-40).join('\n');
    throw new Error(`The PostgreSQL server ${problem}. The end of its log:\n${tail}`);
  };

  /** @param {NodeJS.Signals} signal */
  const end = async (signal) => {
    if (server === undefined) return;
    const { child, ended } = server;
    child.kill(signal);
    const isStopped = await Promise.race([
      ended.then(() => true),
      sleep(STOP_WITHIN_MS, false, { ref: false }),
    ]);
    // Its own processes end when they see that it is gone.
    if (!isStopped) child.kill('SIGKILL');
    await ended;
    server = undefined;
  };

  const stop = async () => {
    await end('SIGINT');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };

  try {
    writeFileSync(passwordFile, password, { mode: 0o600 });
    if (account !== undefined) {
      for (const path of [folder, passwordFile]) chownSync(path, account.uid, account.gid);
    }
    const args = ['-D', data, '-U', DATABASE_USER, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
    await run(join(bin, 'initdb'), [...args, '--encoding=UTF8', '--no-locale'], options);
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `jdbc:postgresql://127.0.0.1:${port}/postgres`,
    user: DATABASE_USER,
    password,
    crash: () => end('SIGQUIT'),
    start,
    stop,
  };
}

/** Whom the server runs as where this process is root's. */
function unprivilegedAccount() {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const user of USERS) {
    const account = accounts.find(([name]) => name === user);
    if (account !== undefined) return { uid: Number(account[2]), gid: Number(account[3]) };
  }
  throw new Error(`PostgreSQL does not run as root, and there is none of the users ${USERS.join(', ')}`);
}

/**
 * @param {string} bin
 * @param {number} port
 */
async function untilReady(bin, port) {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    try {
      await run(join(bin, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)]);
      return undefined;
    } catch {
      // Not listening yet, or still reading what the crash has left.
    }
    await sleep(100);
  }
  return `does not take connections after ${READY_WITHIN_MS / 1_000} s`;
}
