import cluster, { type Worker as ClusterWorker } from 'node:cluster';
import type { Socket } from 'node:net';
import { setPriority } from 'node:os';
import { TuttiError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { guardChannel } from './channel-guard.js';
import { openEnvelope, type Envelope, type OrchestratorMessage } from '../../protocol/messages.js';
import type { ProcessEnd } from '../ledger/process-death.js';
import { ProcessLauncher, type LaunchedProcess } from './process-launcher.js';
import type { ProcessMarker } from '../../protocol/process-marker.js';
import { markerEnvironment } from '../../protocol/process-marker.js';
import { killTree } from '../../os/process-tree.js';
import type { ProcessLimits } from './process-plan.js';
import { TextTail } from './text-tail.js';

/** A grandchild that holds the pipes must not keep the end of a process from being noticed. */
const CLOSE_WAIT_MS = 1_000;

/** Told of every process that lives, so that none survives the orchestrator. */
export interface ProcessWatch {
  add(pid: number): void;
  remove(pid: number): void;
}

/** Starts worker processes with `node:cluster`: the program's main file once more, with a marker in its environment. */
export class ClusterLauncher extends ProcessLauncher {
  readonly #entry: string;
  readonly #watch: ProcessWatch;
  readonly #logger: Logger;
  readonly #keepsProcessAlive: boolean;
  #hasWarned = false;

  /**
   * @param entry - file that the worker processes run
   * @param keepsProcessAlive - whether this process stays alive as long as they do
   */
  constructor(entry: string, watch: ProcessWatch, logger: Logger, keepsProcessAlive = true) {
    super();
    this.#entry = entry;
    this.#watch = watch;
    this.#logger = logger;
    this.#keepsProcessAlive = keepsProcessAlive;
  }

  override launch(marker: ProcessMarker, limits: ProcessLimits = {}): LaunchedProcess {
    // The settings are global to the process and read at each fork: a program that forks a cluster of its own
    // between two of ours must not get our entry, nor we its.
    cluster.setupPrimary({
      exec: this.#entry,
      args: process.argv.slice(2),
      execArgv: [...process.execArgv, ...heapFlag(limits)],
      serialization: 'json',
      // Standard output is inherited: as a pipe, its order against standard error would be lost, and colours with it.
      stdio: ['inherit', 'inherit', 'pipe', 'ipc'],
    });
    const launched = new ClusterProcess(cluster.fork(markerEnvironment(marker)), this.#watch);
    if (!this.#keepsProcessAlive) launched.unref();
    if (limits.nice !== undefined) this.#setPriority(launched.pid, limits.nice);
    return launched;
  }

  #setPriority(pid: number, nice: number): void {
    try {
      setPriority(pid, nice);
    } catch (error) {
      if (!this.#hasWarned)
        this.#logger.warn('the priority of a worker process cannot be set', { nice, error });
      this.#hasWarned = true;
    }
  }
}

/** Last of all flags, so that it wins over one that the program itself was started with. */
function heapFlag({ heapMb }: ProcessLimits): string[] {
  return heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`];
}

class ClusterProcess implements LaunchedProcess {
  readonly pid: number;
  readonly #worker: ClusterWorker;
  readonly #watch: ProcessWatch;
  readonly #stderr = new TextTail();
  #closeTimer: NodeJS.Timeout | undefined;
  #hasEnded = false;
  #onMessage: (received: object) => void = () => undefined;
  #onUnreadable: (problem: string) => void = () => undefined;
  #onEnd: (end: ProcessEnd) => void = () => undefined;

  constructor(worker: ClusterWorker, watch: ProcessWatch) {
    this.#worker = worker;
    this.#watch = watch;
    const child = worker.process;
    // Sending to a process that just died must not take the orchestrator with it.
    worker.on('error', () => undefined);
    child.on('error', () => undefined);
    if (child.pid === undefined) {
      throw new TuttiError(
        'PROCESS_FAILED',
        'the operating system did not start a worker process (out of memory or processes?)',
      );
    }
    this.pid = child.pid;
    watch.add(this.pid);
    worker.on('message', (received: unknown) => {
      const message = openEnvelope(received);
      if (message !== undefined) this.#onMessage(message);
    });
    guardChannel(child, (problem) => this.#onUnreadable(problem));
    child.stderr?.on('data', (chunk: Buffer) => {
      process.stderr.write(chunk);
      this.#stderr.push(chunk);
    });
    child.stderr?.on('error', () => undefined);
    child.once('close', (code, signal) => this.#end(code, signal));
    child.once('exit', (code, signal) => {
      this.#closeTimer = setTimeout(() => this.#end(code, signal), CLOSE_WAIT_MS);
    });
  }

  onMessage(listener: (received: object) => void): void {
    this.#onMessage = listener;
  }

  onUnreadable(listener: (problem: string) => void): void {
    this.#onUnreadable = listener;
  }

  onEnd(listener: (end: ProcessEnd) => void): void {
    this.#onEnd = listener;
  }

  send(message: OrchestratorMessage): void {
    const child = this.#worker.process;
    const envelope: Envelope<OrchestratorMessage> = { tutti: message };
    if (child.connected) child.send(envelope, () => undefined);
  }

  /** From now on it does not keep this process alive. */
  unref(): void {
    const child = this.#worker.process;
    child.unref();
    child.channel?.unref();
    (child.stderr as Partial<Socket> | null)?.unref?.();
  }

  kill(): void {
    if (!this.#hasEnded) killTree(this.pid);
  }

  #end(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#closeTimer);
    this.#watch.remove(this.pid);
    this.#worker.process.stderr?.destroy();
    this.#onEnd({ code, signal, stderrTail: this.#stderr.text() });
  }
}
