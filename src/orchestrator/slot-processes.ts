import { randomBytes } from 'node:crypto';
import type { EndCounts, LedgerTask } from './ledger.js';
import type { ProcessLauncher, ProcessMarker } from './process-launcher.js';
import type { SlotPlan } from './slot-plan.js';
import { SlotProcess, type SlotProcessListener } from './slot-process.js';
import { Succession } from './succession.js';

/** What every process of a slot is started with. */
export interface LaunchOptions {
  readonly launcher: ProcessLauncher;
  readonly serverUrl: string;
  /** Where the process puts results that the server refuses. */
  readonly outboxFolder: string | undefined;
  readonly resultsFolder: string | undefined;
  readonly readyTimeoutMs: number;
  readonly orphanGraceMs: number;
}

/** The processes of a slot: the present one, the one that is to take over from it, and those that leave. */
export class SlotProcesses {
  readonly succession = new Succession();
  readonly leaving = new Set<SlotProcess>();
  current: SlotProcess | undefined;
  readonly #plan: SlotPlan;
  readonly #options: LaunchOptions;
  readonly #counts: EndCounts;
  readonly #listener: SlotProcessListener;

  constructor(plan: SlotPlan, options: LaunchOptions, counts: EndCounts, listener: SlotProcessListener) {
    this.#plan = plan;
    this.#options = options;
    this.#counts = counts;
    this.#listener = listener;
  }

  all(): SlotProcess[] {
    const processes = [this.current, this.succession.process, ...this.leaving];
    return processes.filter((process) => process !== undefined);
  }

  /** The process that has this task. */
  ownerOf(task: LedgerTask): SlotProcess | undefined {
    return this.all().find((process) => process.ledger.has(task));
  }

  /** @throws when the process cannot be started at all */
  launch(): SlotProcess {
    const marker = this.#marker();
    const launched = this.#options.launcher.launch(marker, this.#plan.limits);
    const { readyTimeoutMs } = this.#options;
    const options = { plan: this.#plan, marker, counts: this.#counts, readyTimeoutMs };
    return new SlotProcess(launched, options, this.#listener);
  }

  /** The successor becomes the present process. @returns the one that has to leave */
  takeOver(): SlotProcess | undefined {
    const old = this.current;
    this.current = this.succession.process;
    this.succession.process = undefined;
    if (old !== undefined) this.leaving.add(old);
    return old;
  }

  /** A process is gone. @returns what it was */
  remove(process: SlotProcess): 'current' | 'successor' | 'leaving' {
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
    const { serverUrl, outboxFolder, resultsFolder, orphanGraceMs } = this.#options;
    return {
      slot: this.#plan.name,
      workers: this.#plan.workers.map((worker) => worker.key),
      files: [...new Set(this.#plan.workers.flatMap((worker) => worker.file ?? []))],
      serverUrl,
      outboxFolder,
      resultsFolder,
      incarnation: randomBytes(4).toString('hex'),
      orphanGraceMs,
    };
  }
}
