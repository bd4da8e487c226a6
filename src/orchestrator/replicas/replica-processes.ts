import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Ledger } from '../ledger/ledger.js';
import type { LedgerTask } from '../ledger/ledger-task.js';
import type { Tally } from '../ledger/tally.js';
import type { WorkerTuning } from '../../protocol/messages.js';
import type { MemoryKiller } from '../../os/memory-killer.js';
import type { ProcessInspector } from '../../os/process-inspector.js';
import type { ProcessLauncher } from '../processes/process-launcher.js';
import type { ProcessMarker } from '../../protocol/process-marker.js';
import type { ProcessPlan } from '../processes/process-plan.js';
import { SupervisedProcess, type ProcessListener } from '../processes/supervised-process.js';
import type { ProcessRole } from '../status/status.js';
import type { Verdict } from '../processes/watchdog.js';

/** What every process of a replica is started with. */
export interface LaunchOptions {
  readonly launcher: ProcessLauncher;
  /** Of the application. */
  readonly ledger: Ledger;
  /** Notices deaths by the system's memory killer; one for the application. */
  readonly memoryKiller: MemoryKiller;
  readonly serverUrl: string;
  /** Where the process puts results that the server refuses. */
  readonly outboxFolder: string | undefined;
  readonly resultsFolder: string | undefined;
  /** Where the process notes the native calls that it is in. */
  readonly nativeCallsFolder: string | undefined;
  readonly readyTimeoutMs: number;
  readonly orphanGraceMs: number;
}

/**
 * The processes of a replica: the current one, the one that is to take over from it, and those that leave. Who is what
 * changes here only.
 */
export class ReplicaProcesses {
  readonly #options: LaunchOptions;
  readonly #talliesOf: (plan: ProcessPlan) => readonly Tally[];
  readonly #listener: ProcessListener;
  /** What was changed of each worker, by its key. */
  readonly #tunings = new Map<string, WorkerTuning>();
  readonly #leaving = new Set<SupervisedProcess>();
  #current: SupervisedProcess | undefined;
  #successor: SupervisedProcess | undefined;

  constructor(
    options: LaunchOptions,
    talliesOf: (plan: ProcessPlan) => readonly Tally[],
    listener: ProcessListener,
  ) {
    this.#options = options;
    this.#talliesOf = talliesOf;
    this.#listener = listener;
  }

  get current(): SupervisedProcess | undefined {
    return this.#current;
  }

  /** The one that is on its way to take over. */
  get successor(): SupervisedProcess | undefined {
    return this.#successor;
  }

  get areLeaving(): boolean {
    return this.#leaving.size > 0;
  }

  all(): SupervisedProcess[] {
    const processes = [this.#current, this.#successor, ...this.#leaving];
    return processes.filter((process) => process !== undefined);
  }

  roleOf(process: SupervisedProcess): ProcessRole {
    if (process === this.#current) return 'current';
    return process === this.#successor ? 'successor' : 'leaving';
  }

  tasks(): LedgerTask[] {
    return this.all().flatMap((process) => process.account.tasks());
  }

  /** @throws when the process cannot be started at all */
  launchCurrent(plan: ProcessPlan): void {
    this.#current = this.#launch(plan);
  }

  /** @throws when the process cannot be started at all */
  launchSuccessor(plan: ProcessPlan): void {
    this.#successor = this.#launch(plan);
  }

  /** Changes a worker in the current process and all to come. */
  tune(key: string, tuning: WorkerTuning): void {
    this.#tunings.set(key, { ...this.#tunings.get(key), ...tuning });
    if (this.#current?.readyAt !== undefined) sendTuning(this.#current, key, tuning);
  }

  /** What was changed of a worker. */
  tuningOf(key: string): WorkerTuning {
    return this.#tunings.get(key) ?? {};
  }

  /** Sends a process that is ready what was changed before. */
  sendTunings(process: SupervisedProcess): void {
    for (const [key, tuning] of this.#tunings) sendTuning(process, key, tuning);
  }

  /** Looks at all of them, and ends those that hang. @returns why the current one is to be replaced */
  watch(now: number, inspector: ProcessInspector): Verdict | undefined {
    let replacement: Verdict | undefined;
    for (const process of this.all()) {
      if (process.isHeld) void lookForDebugger(process, inspector);
      const verdict = process.watch(now, inspector);
      if (verdict?.action === 'kill') void end(process, verdict, inspector);
      else if (process === this.#current) replacement = verdict;
    }
    return replacement;
  }

  /** The successor becomes the current process. @returns the one that has to leave */
  takeOver(): SupervisedProcess | undefined {
    const old = this.#current;
    this.#current = this.#successor;
    this.#successor = undefined;
    if (old !== undefined) this.#leaving.add(old);
    return old;
  }

  /** A process is gone. @returns what it was */
  remove(process: SupervisedProcess): ProcessRole {
    const role = this.roleOf(process);
    if (role === 'current') this.#current = undefined;
    else if (role === 'successor') this.#successor = undefined;
    else this.#leaving.delete(process);
    return role;
  }

  #launch(plan: ProcessPlan): SupervisedProcess {
    const { launcher, ledger, memoryKiller, readyTimeoutMs } = this.#options;
    const marker = this.#marker(plan);
    const launched = launcher.launch(marker, plan.limits);
    const tallies = this.#talliesOf(plan);
    const options = { plan, marker, ledger, tallies, memoryKiller, readyTimeoutMs };
    return new SupervisedProcess(launched, options, this.#listener);
  }

  #marker(plan: ProcessPlan): ProcessMarker {
    const { serverUrl, outboxFolder, resultsFolder, nativeCallsFolder, orphanGraceMs } = this.#options;
    const incarnation = randomBytes(4).toString('hex');
    return {
      replica: plan.name,
      workers: plan.workers.map((worker) => worker.key),
      files: [...new Set(plan.workers.flatMap((worker) => worker.file ?? []))],
      serverUrl,
      outboxFolder,
      resultsFolder,
      nativeCallsFile: nativeCallsFolder === undefined ? undefined : join(nativeCallsFolder, incarnation),
      incarnation,
      orphanGraceMs,
    };
  }
}

function sendTuning(process: SupervisedProcess, key: string, tuning: WorkerTuning): void {
  const worker = process.plan.workers.findIndex((one) => one.key === key);
  if (worker >= 0 && Object.keys(tuning).length > 0) process.send({ type: 'tune', worker, ...tuning });
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
