import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeThrown } from '../core/errors.js';
import { ConsoleLogger, type Logger } from '../core/logger.js';
import { didYouMean } from '../core/options.js';
import { createTaskClient } from '../conductor/conductor-clients.js';
import { DEFAULT_REQUEST_TIMEOUT_MS } from '../conductor/http-options.js';
import { stateRoots } from '../app/state-folders.js';
import { formatTable } from '../app/table.js';
import { findRuns, RunDirectory, type FoundRun } from '../orchestrator/run-directory.js';
import { Outbox } from '../worker/outbox.js';
import { OutboxStore, type StoredEntry } from '../worker/outbox-store.js';

const USAGE = `Usage: tutti outbox <list | replay | drop> [options]

Results that the server has not taken yet lie in the outbox of the application that made them. A running application
sends them itself, and so does its next start; these commands are for when there will be none.

  list      show what is there
  replay    send what applications have left that are not running
  drop      print and delete what applications have left that are not running

  --application NAME   only this application (a name as \`list\` shows it)
  --task ID            drop: only the result of this task
  --all                drop: all of them
  --server URL         replay: address of the API (default: the one that the application used)
  --timeout SECONDS    replay: how long to try (default: 30)

The folder is TUTTI_STATE_DIR, else the user's state folder. The access key is taken from CONDUCTOR_AUTH_KEY and
CONDUCTOR_AUTH_SECRET. Exit code 0: done; 1: something is left, or went wrong.`;

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
  context: CommandContext = terminal(),
): Promise<number> {
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

async function findApplications({ application }: Options, { env }: CommandContext): Promise<Application[]> {
  const found: Application[] = [];
  for (const root of stateRoots(env)) {
    for (const name of (await readdir(root).catch(() => [] as string[])).toSorted()) {
      const folder = join(root, name);
      const runs = await findRuns(folder);
      if (runs.length > 0 && (application === undefined || application === name))
        found.push({ name, folder, runs });
    }
  }
  if (application !== undefined && found.length === 0) {
    throw new Error(`there is no application "${application}" in ${stateRoots(env).join(' or ')}`);
  }
  return found;
}

async function list(applications: readonly Application[], context: CommandContext): Promise<number> {
  const rows: string[][] = [];
  for (const { name, runs } of applications) {
    for (const run of runs) {
      for (const { body, receivedAt, bytes } of await entriesOf(run, context.logger)) {
        const age = `${Math.round((Date.now() - receivedAt) / 1_000)} s`;
        rows.push([name, run.isDead ? 'ended' : 'running', body.taskId, body.status, age, `${bytes}`]);
      }
    }
  }
  if (rows.length === 0) context.print('the outbox is empty');
  else context.print(formatTable(['application', 'run', 'task', 'status', 'since', 'bytes'], rows));
  return 0;
}

async function replay(
  applications: readonly Application[],
  { server, timeout = '30' }: Options,
  context: CommandContext,
): Promise<number> {
  const timeoutMs = Number(timeout) * 1_000;
  if (!(timeoutMs > 0)) throw new Error(`--timeout: expected a number of seconds, got "${timeout}"`);
  let left = 0;
  for (const application of applications) {
    const serverUrl = server ?? application.runs.find((run) => run.subject?.serverUrl)?.subject?.serverUrl;
    if (serverUrl === undefined)
      throw new Error(`the server of ${application.name} is not known; give it with --server`);
    left += await replayOne(application, serverUrl, timeoutMs, context);
  }
  return left === 0 ? 0 : 1;
}

/** @returns how many results the server has not taken */
async function replayOne(
  { name, folder }: Application,
  serverUrl: string,
  timeoutMs: number,
  { env, logger, print }: CommandContext,
): Promise<number> {
  const directory = await RunDirectory.open([folder], logger);
  if (directory === undefined) throw new Error(`${folder} cannot be written`);
  const client = createTaskClient(
    {
      serverUrl,
      keyId: env['CONDUCTOR_AUTH_KEY'],
      keySecret: env['CONDUCTOR_AUTH_SECRET'],
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
  const { runs } = await directory.takeOverDeadRuns();
  for (const run of runs) {
    const entries = await new OutboxStore(run.outboxFolder, 'replay', logger).read();
    found += entries.length;
    outbox.adopt(entries);
  }
  await outbox.drained(timeoutMs);
  const left = outbox.size;
  await outbox.close(1_000);
  await client.close();
  await directory.close(left === 0);
  print(
    `${name}: ${found - left} of ${found} results sent to ${serverUrl}, ${refused} of them did not count`,
  );
  return left;
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
    for (const { body, file } of await entriesOf(run, context.logger)) {
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

async function entriesOf(run: FoundRun, logger: Logger): Promise<StoredEntry[]> {
  const stores = run.outboxFolders.map((folder) => new OutboxStore(folder, 'command', logger));
  return (await Promise.all(stores.map((store) => store.read()))).flat();
}
