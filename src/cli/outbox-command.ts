import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeThrown } from '../core/errors.js';
import { ConsoleLogger, type Logger } from '../core/logger.js';
import { printableLines } from '../core/printable.js';
import { didYouMean } from '../core/options.js';
import { isOwnFolder } from '../os/private-files.js';
import { createTaskClient } from '../conductor/clients/conductor-clients.js';
import { DEFAULT_REQUEST_TIMEOUT_MS, withApiPath } from '../conductor/transport/http-options.js';
import { stateRoot } from '../app/state-folders.js';
import { formatTable } from '../app/table.js';
import {
  chosenFolder,
  findRuns,
  RunDirectory,
  type FoundRun,
} from '../orchestrator/custody/run-directory.js';
import { Outbox } from '../worker/delivery/outbox.js';
import { OutboxStore, type OutboxContent } from '../worker/delivery/outbox-store.js';

const USAGE = `Usage: tutti outbox <list | replay | drop> [options]

Results that the server has not taken yet lie in the outbox of the application that made them. A running application
sends them itself, and so does its next start; these commands are for when there will be none.

  list      show what is there
  replay    send what applications have left that are not running
  drop      print and delete what applications have left that are not running

  --application NAME   only this application (a name as \`list\` shows it)
  --task ID            drop: only the result of this task
  --all                drop: all of them
  --server URL         replay: address of the API (default: CONDUCTOR_SERVER_URL, where the application used that
                       server, else the address that the application used)
  --timeout SECONDS    replay: how long to try (default: 30)

The folder is TUTTI_STATE_DIR, else the user's state folder. An application that had to keep its results elsewhere has
logged where: name that folder's parent in TUTTI_STATE_DIR. The access key is taken from CONDUCTOR_AUTH_KEY and
CONDUCTOR_AUTH_SECRET, and sent only to a server that --server or CONDUCTOR_SERVER_URL names. Exit code 0: done;
1: something is left, was refused, or went wrong.`;

interface Options {
  readonly application?: string | undefined;
  readonly task?: string | undefined;
  readonly all?: boolean | undefined;
  readonly server?: string | undefined;
  readonly timeout?: string | undefined;
}

/** One application's folder with its runs. */
interface Application {
  readonly name: string;
  readonly folder: string;
  readonly runs: readonly FoundRun[];
}

/** Where the command prints, and where its settings come from. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
  readonly logger: Logger;
}

/**
 * `tutti outbox …`
 *
 * @param args - what stands after `tutti outbox`
 * @returns the exit code
 */
export async function outboxCommand(
  args: readonly string[],
  given: CommandContext = terminal(),
): Promise<number> {
  // Ids and output come from whoever wrote the files.
  const context: CommandContext = { ...given, print: (text) => given.print(printableLines(text)) };
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        application: { type: 'string' },
        task: { type: 'string' },
        all: { type: 'boolean' },
        server: { type: 'string' },
        timeout: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
    const [action, ...rest] = positionals;
    if (values.help === true || rest.length > 0) return help(context, values.help === true ? 0 : 1);
    const applications = await findApplications(values, context);
    if (action === 'list') return await list(applications, context);
    if (action === 'replay') return await replay(applications, values, context);
    if (action === 'drop') return await drop(applications, values, context);
    if (action !== undefined) {
      const nearest = didYouMean(action, ['list', 'replay', 'drop']);
      const hint = nearest === undefined ? '' : `. Did you mean "tutti outbox ${nearest}"?`;
      context.print(`There is no command "tutti outbox ${action}"${hint}\n`);
    }
    return help(context, 1);
  } catch (error) {
    context.print(`${describeThrown(error)}\n\n${USAGE}`);
    return 1;
  }
}

function terminal(): CommandContext {
  return { env: process.env, print: (text) => console.log(text), logger: new ConsoleLogger('warn') };
}

function help({ print }: CommandContext, exitCode: number): number {
  print(USAGE);
  return exitCode;
}

async function findApplications(
  { application }: Options,
  { env, logger }: CommandContext,
): Promise<Application[]> {
  const root = stateRoot(env);
  if (root === undefined)
    throw new Error(
      'this user has no home; set TUTTI_STATE_DIR to the folder where applications keep their state',
    );
  const found: Application[] = [];
  for (const name of await namesIn(root)) {
    if (application !== undefined && application !== name) continue;
    const folder = join(root, name);
    if (!isOwnFolder(folder)) {
      logger.warn('passed over: it is not a folder of this user', { folder });
      continue;
    }
    const runs = await findRuns(folder);
    if (runs.length > 0) found.push({ name, folder, runs });
  }
  if (application !== undefined && found.length === 0)
    throw new Error(`there is no application "${application}" in ${root}`);
  return found;
}

async function namesIn(root: string): Promise<string[]> {
  try {
    return (await readdir(root)).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function list(applications: readonly Application[], context: CommandContext): Promise<number> {
  const rows: string[][] = [];
  let isWhole = true;
  for (const { name, runs } of applications) {
    for (const run of runs) {
      const { entries, others, unread } = await contentOf(run, context.logger);
      for (const { body, receivedAt, bytes } of entries) {
        const age = `${Math.round((Date.now() - receivedAt) / 1_000)} s`;
        rows.push([name, run.isDead ? 'ended' : 'running', body.taskId, body.status, age, `${bytes}`]);
      }
      for (const { file, reason } of others) context.print(`not a result: ${file} (${reason})`);
      for (const { file, reason } of unread) context.print(`cannot be read: ${file} (${reason})`);
      isWhole &&= unread.length === 0;
    }
  }
  if (rows.length > 0)
    context.print(formatTable(['application', 'run', 'task', 'status', 'since', 'bytes'], rows));
  else if (isWhole) context.print('the outbox is empty');
  return isWhole ? 0 : 1;
}

async function replay(
  applications: readonly Application[],
  { server, timeout = '30' }: Options,
  context: CommandContext,
): Promise<number> {
  const timeoutMs = Number(timeout) * 1_000;
  if (!(timeoutMs > 0)) throw new Error(`--timeout: expected a number of seconds, got "${timeout}"`);
  if (applications.length === 0) context.print('the outbox is empty');
  let isDone = true;
  for (const application of applications) {
    const target = targetOf(application, server, context.env);
    if (typeof target === 'string') {
      context.print(`${application.name}: nothing sent. ${target}`);
      isDone = false;
    } else {
      const { left, refused } = await replayOne(application, target, timeoutMs, context);
      isDone &&= left === 0 && refused === 0;
    }
  }
  return isDone ? 0 : 1;
}

/** A server to send results to, with the access key for it. */
interface Target {
  readonly serverUrl: string;
  readonly keyId: string | undefined;
  readonly keySecret: string | undefined;
}

/**
 * Where the results of an application go; a sentence when that cannot be told. An address that was only read from a file
 * never gets the access key: whoever could write the file would get it.
 */
function targetOf(
  application: Application,
  server: string | undefined,
  env: CommandContext['env'],
): Target | string {
  const keyId = env['CONDUCTOR_AUTH_KEY'];
  const keySecret = env['CONDUCTOR_AUTH_SECRET'];
  if (server !== undefined) return { serverUrl: server, keyId, keySecret };
  const used = application.runs.find((run) => run.subject?.serverUrl)?.subject?.serverUrl;
  if (used === undefined) return 'The server that it used is not known; give it with --server';
  const given = env['CONDUCTOR_SERVER_URL'];
  if (given !== undefined && isSameAddress(given, used)) return { serverUrl: given, keyId, keySecret };
  if (keyId === undefined && keySecret === undefined) return { serverUrl: used, keyId, keySecret };
  return `To send the access key to the server that its files name, give --server ${used}`;
}

function isSameAddress(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) =>
    URL.canParse(text) ? withApiPath(new URL(text)).href.replace(/\/+$/, '') : text,
  );
  return a === b;
}

/** @returns how many results the server has not taken, and how many did not count */
async function replayOne(
  { name, folder }: Application,
  target: Target,
  timeoutMs: number,
  { logger, print }: CommandContext,
): Promise<{ left: number; refused: number }> {
  const { serverUrl } = target;
  const directory = await RunDirectory.open([chosenFolder(folder)], logger);
  if (directory === undefined) throw new Error(`${folder} cannot be written`);
  const client = createTaskClient(
    {
      ...target,
      // What is on its way at the end is waited for.
      requestTimeoutMs: Math.ceil(Math.min(timeoutMs, DEFAULT_REQUEST_TIMEOUT_MS)),
    },
    { logger },
  );
  let refused = 0;
  const outbox = new Outbox({
    store: new OutboxStore(directory.outboxFolder, 'replay', logger),
    client,
    logger,
    onSettled: (_entry, end) => {
      if (end === 'REFUSED' || end === 'LATE') refused++;
    },
  });
  let found = 0;
  let isRead = true;
  const { runs } = await directory.takeOverDeadRuns();
  for (const run of runs) {
    const store = new OutboxStore(run.outboxFolder, 'replay', logger);
    const entries = await store.read();
    isRead &&= !store.hasUnread;
    found += entries.length;
    outbox.adopt(entries);
  }
  await outbox.drained(timeoutMs);
  const left = outbox.size;
  await outbox.close(1_000);
  await client.close();
  await directory.close(left === 0 && isRead);
  print(
    `${name}: ${found - left} of ${found} results sent to ${serverUrl}, ${refused} of them did not count`,
  );
  return { left: isRead ? left : left + 1, refused };
}

async function drop(
  applications: readonly Application[],
  options: Options,
  context: CommandContext,
): Promise<number> {
  if ((options.task === undefined) === (options.all !== true))
    throw new Error('drop: give either --task ID or --all');
  let dropped = 0;
  for (const run of applications.flatMap((application) => application.runs)) {
    if (!run.isDead) continue;
    for (const { body, file } of (await contentOf(run, context.logger)).entries) {
      if (file === undefined || (options.task !== undefined && options.task !== body.taskId)) continue;
      // The last place where it can be read.
      context.print(`dropped ${basename(file)}: ${JSON.stringify(body)}`);
      await rm(file, { force: true });
      dropped++;
    }
  }
  context.print(`${dropped} results dropped`);
  return options.task !== undefined && dropped === 0 ? 1 : 0;
}

/** What the outboxes of a run hold. Only looks: nothing is set aside. */
async function contentOf(run: FoundRun, logger: Logger): Promise<OutboxContent> {
  const stores = run.outboxFolders.map((folder) => new OutboxStore(folder, 'command', logger));
  const contents = await Promise.all(stores.map((store) => store.look()));
  return {
    entries: contents.flatMap(({ entries }) => entries),
    others: contents.flatMap(({ others }) => others),
    unread: contents.flatMap(({ unread }) => unread),
  };
}
