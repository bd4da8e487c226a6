import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import type { AppMessage, AppRequest, AppSetup } from '../fixtures/process/app-protocol.js';
import type { OrchestratorStatus, ReplicaStatusView } from '../../src/orchestrator/status/status.js';
import {
  commandOf,
  familyOf,
  hasVariable,
  isAlive,
  killHard,
  processTable,
  type ProcessEntry,
} from './processes.js';
import { until } from './until.js';

const FIXTURES = fileURLToPath(new URL('../../build/test/fixtures/process/', import.meta.url));
const MARKER = 'TEST_TUTTI_ID';
/** How long what a program started may take to be gone after the program. */
const LEFTOVER_LIMIT_MS = 15_000;
/** Reading the table of all processes is the dearest thing that a waiting test does. */
const LOOK_INTERVAL_MS = 100;

export interface AppOptions extends AppSetup {
  readonly serverUrl?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly execArgv?: readonly string[];
  readonly args?: readonly string[];
  /** A command that runs what follows it, as `unshare` does. */
  readonly within?: readonly string[];
  /** A process group of its own, as a terminal or a service manager makes one. */
  readonly detached?: boolean;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program with workers that a test has started: its output, its messages, all its processes. */
export class AppProcess {
  readonly messages: AppMessage[] = [];
  readonly #id = randomUUID();
  readonly #process: ChildProcess;
  readonly #seen = new Map<string, ProcessEntry>();
  #lookedAt = 0;
  #stdout = '';
  #stderr = '';
  #exit: Exit | undefined;

  /** @param file - name of a compiled file in `test/fixtures/process`, or arguments for node without one */
  constructor(file: string | undefined, options: AppOptions = {}) {
    const {
      workers,
      bootstrap,
      listens,
      serverUrl,
      env,
      execArgv = [],
      args = [],
      detached = false,
      within = [],
    } = options;
    const main = file === undefined ? [] : [`${FIXTURES}${file}.js`];
    const [command, ...rest] = [...within, process.execPath, ...execArgv, ...main, ...args];
    this.#process = spawn(command!, rest, {
      // Nothing of the test runner's own variables: under a test runner bootstrap() refuses to run.
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        [MARKER]: this.#id,
        TEST_TUTTI_SETUP: JSON.stringify({ workers, bootstrap, listens } satisfies AppSetup),
        ...(serverUrl === undefined ? {} : { CONDUCTOR_SERVER_URL: serverUrl }),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached,
    });
    this.#process.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.#process.on('message', (message: AppMessage) => this.messages.push(message));
    this.#process.on('error', () => undefined);
    this.#process.once('exit', (code, signal) => (this.#exit = { code, signal }));
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error('the program was not started');
    return this.#process.pid;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits for a condition; the failure shows what the program wrote. */
  async until<T>(
    condition: () => T | Promise<T>,
    what: string,
    limitMs?: number,
  ): Promise<Exclude<T, false | null | undefined>> {
    return await until(
      () => {
        if (performance.now() - this.#lookedAt > LOOK_INTERVAL_MS) this.#look();
        return condition();
      },
      () => `${what}\n${this.report()}`,
      limitMs,
    );
  }

  /** Waits until `bootstrap()` has resolved. */
  async ready(): Promise<OrchestratorStatus> {
    const message = await this.until(() => {
      if (this.#exit !== undefined) throw new Error(`the program ended while starting\n${this.report()}`);
      return this.messages.find((one) => one.type === 'started');
    }, 'bootstrap() to resolve');
    return message.status;
  }

  /** Waits until the program has written this on either stream. */
  async wrote(text: string | RegExp): Promise<string> {
    return await this.until(
      () => {
        const all = this.#stdout + this.#stderr;
        return typeof text === 'string' ? all.includes(text) && text : (text.exec(all)?.[0] ?? false);
      },
      `the program to write ${String(text)}`,
    );
  }

  /** Waits until a worker process has begun the code of this task. */
  async began(taskId: string): Promise<void> {
    await this.wrote(`begun ${taskId}`);
  }

  hasBegun(taskId: string): boolean {
    return this.#stdout.includes(`begun ${taskId}`);
  }

  /** Waits for the end of the main process. */
  async ended(limitMs?: number): Promise<Exit> {
    return await this.until(() => this.#exit, 'the program to end', limitMs);
  }

  get hasEnded(): boolean {
    return this.#exit !== undefined;
  }

  /** The present `status()` of the orchestrator. */
  async status(): Promise<OrchestratorStatus> {
    const from = this.messages.length;
    this.#ask({ type: 'status' });
    const message = await this.until(
      () => this.messages.slice(from).find((one) => one.type === 'status'),
      'the answer of status()',
    );
    return message.status;
  }

  /** Waits until the replica of this worker (or with this name) fulfils a condition. */
  async replica(
    name: string,
    condition: (replica: ReplicaStatusView) => boolean = () => true,
  ): Promise<ReplicaStatusView> {
    return await this.until(async () => {
      const { replicas } = await this.status();
      return replicas.find((replica) => replica.replica.includes(name) && condition(replica));
    }, `replica ${name} to be as expected`);
  }

  async workerPid(name: string): Promise<number> {
    return (await this.replica(name, (replica) => replica.pid !== undefined)).pid!;
  }

  /** Calls `stop()` in the program. */
  askToStop(): void {
    this.#ask({ type: 'stop' });
  }

  /** Throws in the main process where nobody catches it. */
  crash(): void {
    this.#ask({ type: 'crash' });
  }

  /** Sends a message to every worker process, as code of the main program can. */
  tellWorkers(message: object): void {
    this.#ask({ type: 'tellWorkers', message });
  }

  /** Nobody reads its standard error from now on, as when a log shipper has died. */
  leaveStderr(): void {
    this.#process.stderr?.destroy();
  }

  /** A signal to the main process only. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** A signal to every process of the program's group; needs `detached`. */
  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  /** Everything of this program that is alive, orphans included. */
  alive(): ProcessEntry[] {
    const table = this.#look();
    return table.filter((entry) => this.#seen.has(keyOf(entry)) || hasVariable(entry.pid, MARKER, this.#id));
  }

  /** Waits until no process of the program is left. */
  async allGone(limitMs = LEFTOVER_LIMIT_MS): Promise<void> {
    await this.until(() => this.alive().length === 0, 'every process of the program to be gone', limitMs);
  }

  /** Ends what is left, and says what it was: a test whose program leaves processes behind has failed. */
  async cleanUp(): Promise<string[]> {
    const wasRunning = !this.hasEnded && isAlive(this.pid);
    if (!wasRunning) await this.allGone().catch(() => undefined);
    const left = this.alive();
    const lines = left.map(({ pid, state }) => `${pid} ${state} ${commandOf(pid)}`);
    for (const { pid } of left) killHard(pid);
    if (this.#process.connected) this.#process.disconnect();
    return lines;
  }

  #ask(request: AppRequest): void {
    if (this.#process.connected) this.#process.send(request, () => undefined);
  }

  /** Remembers every process that it sees: those without the variable are known by their parents only. */
  #look(): ProcessEntry[] {
    const table = processTable();
    this.#lookedAt = performance.now();
    if (this.#exit === undefined) {
      for (const entry of familyOf(this.pid, table)) this.#seen.set(keyOf(entry), entry);
    }
    return table;
  }

  /** How it stands, and the ends of what it wrote. */
  report(): string {
    const processes = this.alive().map(({ pid, state }) => `  ${pid} ${state} ${commandOf(pid)}`);
    return [
      `exit: ${JSON.stringify(this.#exit)}`,
      `processes:\n${processes.join('\n')}`,
      `stdout:\n${this.#stdout.slice(-4_000)}`,
      `stderr:\n${this.#stderr.slice(-8_000)}`,
    ].join('\n');
  }
}

function keyOf({ pid, startedAt }: ProcessEntry): string {
  return `${pid}:${startedAt}`;
}

/**
 * Starts programs for the tests of a file, with a state folder for each test; after each test none of their processes may
 * be left.
 */
export function appProcesses(): (file: string | undefined, options?: AppOptions) => AppProcess {
  const started: AppProcess[] = [];
  let stateFolder: string | undefined;
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') {
      // The runner's failure says what was expected, not what the program did.
      for (const app of started) console.error(`program ${app.pid}\n${app.report()}`);
    }
    const left = (await Promise.all(started.splice(0).map((app) => app.cleanUp()))).flat();
    if (stateFolder !== undefined) rmSync(stateFolder, { recursive: true, force: true });
    stateFolder = undefined;
    // A test that has failed may not have got as far as ending its program.
    if (left.length > 0 && task.result?.state !== 'fail') {
      throw new Error(`processes were left behind:\n${left.join('\n')}`);
    }
  });
  return (file, options = {}) => {
    // The programs of a test share their state, and no other test sees it: files run side by side.
    stateFolder ??= mkdtempSync(join(tmpdir(), 'tutti-state-'));
    const isChosen = ['TUTTI_STATE_DIR', 'XDG_STATE_HOME', 'HOME'].some(
      (name) => name in (options.env ?? {}),
    );
    const env = isChosen ? options.env : { TUTTI_STATE_DIR: stateFolder, ...options.env };
    const app = new AppProcess(file, { ...options, env });
    started.push(app);
    return app;
  };
}
