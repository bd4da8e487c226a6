import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { EndCounts, LedgerTask } from '../ledger/ledger.js';
import type { WorkerTuning } from '../../protocol/messages.js';
import type { ProcessInspector } from '../../os/process-inspector.js';
import type { ProcessLauncher } from '../processes/process-launcher.js';
import type { ProcessMarker } from '../../protocol/process-marker.js';
import type { ProcessPlan } from '../processes/process-plan.js';
import { SupervisedProcess, type ProcessListener } from '../processes/supervised-process.js';
import { Succession } from './succession.js';
import type { Verdict } from '../processes/watchdog.js';

/** What every process of a replica is started with. */
export interface LaunchOptions {
  readonly launcher: ProcessLauncher;
  readonly serverUrl: string;
  /** Where the process puts results that the server refuses. */
  readonly outboxFolder: string | undefined;
  readonly resultsFolder: string | undefined;
  /** Where the process notes the native calls that it is in. */
  readonly nativeCallsFolder: string | undefined;
  readonly readyTimeoutMs: number;
  readonly orphanGraceMs: number;
}

/** The processes of a replica: the present one, the one that is to take over from it, and those that leave. */
export class ReplicaProcesses {
  readonly succession = new Succession();
  readonly leaving = new Set<SupervisedProcess>();
  /** What was changed of each worker. */
  readonly tunings: WorkerTuning[];
  current: SupervisedProcess | undefined;
  readonly #plan: ProcessPlan;
  readonly #options: LaunchOptions;
  readonly #counts: EndCounts;
  readonly #listener: ProcessListener;

  constructor(plan: ProcessPlan, options: LaunchOptions, counts: EndCounts, listener: ProcessListener) {
    this.#plan = plan;
    this.tunings = plan.workers.map(() => ({}));
    this.#options = options;
    this.#counts = counts;
    this.#listener = listener;
  }

  all(): SupervisedProcess[] {
    const processes = [this.current, this.succession.process, ...this.leaving];
    return processes.filter((process) => process !== undefined);
  }

  /** The process that has this task. */
  ownerOf(task: LedgerTask): SupervisedProcess | undefined {
    return this.all().find((process) => process.ledger.has(task));
  }

  /** @throws when the process cannot be started at all */
  launch(): SupervisedProcess {
    const marker = this.#marker();
    const launched = this.#options.launcher.launch(marker, this.#plan.limits);
    const { readyTimeoutMs } = this.#options;
    const options = { plan: this.#plan, marker, counts: this.#counts, readyTimeoutMs };
    return new SupervisedProcess(launched, options, this.#listener);
  }

  /** Changes a worker by its index, in the present process and all to come. */
  tune(worker: number, tuning: WorkerTuning): void {
    this.tunings[worker] = { ...this.tunings[worker], ...tuning };
    if (this.current?.readyAt !== undefined) this.current.send({ type: 'tune', worker, ...tuning });
  }

  /** Tells a process that is ready what was changed before. */
  sendTunings(process: SupervisedProcess): void {
    this.tunings.forEach((tuning, worker) => {
      if (Object.keys(tuning).length > 0) process.send({ type: 'tune', worker, ...tuning });
    });
  }

  /** Looks at all of them, and ends those that hang. @returns why the present one is to be replaced */
  watch(now: number, inspector: ProcessInspector): Verdict | undefined {
    let replacement: Verdict | undefined;
    for (const process of this.all()) {
      if (process.isHeld) void lookForDebugger(process, inspector);
      const verdict = process.watch(now, inspector);
      if (verdict?.action === 'kill') void end(process, verdict, inspector);
      else if (process === this.current) replacement = verdict;
    }
    return replacement;
  }

  /** The successor becomes the present process. @returns the one that has to leave */
  takeOver(): SupervisedProcess | undefined {
    const old = this.current;
    this.current = this.succession.process;
    this.succession.process = undefined;
    if (old !== undefined) this.leaving.add(old);
    return old;
  }

  /** A process is gone. @returns what it was */
  remove(process: SupervisedProcess): 'current' | 'successor' | 'leaving' {
    this.leaving.delete(process);
    if (process === this.succession.process) {
      this.succession.process = undefined;
      return 'successor';
    }
    if (process !== this.current) return 'leaving';
    this.current = undefined;
    return 'current';
  }

  #marker(): ProcessMarker {
    const { serverUrl, outboxFolder, resultsFolder, nativeCallsFolder, orphanGraceMs } = this.#options;
    const incarnation = randomBytes(4).toString('hex');
    return {
      replica: this.#plan.name,
      workers: this.#plan.workers.map((worker) => worker.key),
      files: [...new Set(this.#plan.workers.flatMap((worker) => worker.file ?? []))],
      serverUrl,
      outboxFolder,
      resultsFolder,
      nativeCallsFile: nativeCallsFolder === undefined ? undefined : join(nativeCallsFolder, incarnation),
      incarnation,
      orphanGraceMs,
    };
  }
}

/** A debugger that was attached after the process has last answered is looked for before it is taken for stuck. */
async function end(
  process: SupervisedProcess,
  { cause, text }: Verdict,
  inspector: ProcessInspector,
): Promise<void> {
  const isSilent = cause === 'blocked' || cause === 'execution-timeout';
  if (isSilent && (await lookForDebugger(process, inspector))) return;
  process.kill({ text, cause, isByTask: true });
}

async function lookForDebugger(process: SupervisedProcess, inspector: ProcessInspector): Promise<boolean> {
  const isHeld = await inspector.isHeldByDebugger(process.pid);
  if (isHeld || process.isHeld) process.heldByDebugger(isHeld);
  return isHeld;
}
