import { describeThrown, programFrames } from '../core/errors.js';
import { LogLimiter } from '../core/log-limiter.js';
import type { Logger } from '../core/logger.js';
import { MemoryMeter } from '../core/meter.js';
import { EXIT_CODES } from '../protocol/exit-codes.js';
import { LongTaskWatch } from './replicas/long-task-watch.js';
import { MemoryKiller } from '../os/memory-killer.js';
import type { OrchestratorEvents, OrchestratorOptions, ServerConnection } from './orchestrator-options.js';
import { ProcInspector } from '../os/process-inspector.js';

import { Ledger } from './ledger/ledger.js';
import type { ProcessDeath } from './ledger/process-death.js';
import type { ReplicaOptions } from './replicas/replica-options.js';
import { Replica, type ReplicaListener } from './replicas/replica.js';
import { changesTo, type Plan, type Renewal } from './replicas/reconciliation.js';
import { StopReport } from './stop-report.js';
import type { ProcessPlan } from './processes/process-plan.js';
import type { ReplicaStatusView } from './status/status.js';
import { TaskCustodian, type CustodyStatus } from './custody/task-custodian.js';

/** Part of the grace period that is kept for the tasks to end after `context.signal` has aborted. */
const ABORT_SHARE = 0.2;
/** How long a stop waits for the server to take what is left to report. */
const REPORT_WAIT_MS = 3_000;
/** How often the processes are looked at. */
const WATCH_MS = 1_000;
/** If the event loop of the orchestrator is later than this, a warning is logged: heartbeats wait for it. */
const LATE_MS = 1_000;
const LATE_WARNING_MS = 60_000;

/** Where a supervisor reports what happens. */
export interface SupervisorEvents {
  emit<E extends keyof OrchestratorEvents>(event: E, ...data: OrchestratorEvents[E]): void;
  /** A replica is ready, given up, or waits for its next start. */
  replicaChanged(): void;
}

/** The replicas of an application and what watches over them: watchdog, custody of their tasks, events. */
export class Supervisor {
  readonly #replicas = new Map<string, Replica>();
  readonly #custodian: TaskCustodian;
  readonly #logger: Logger;
  readonly #events: SupervisorEvents;
  readonly #options: ReplicaOptions;
  readonly #ledger = new Ledger();
  readonly #meter = new MemoryMeter();
  readonly #inspector;
  readonly #memoryKiller = new MemoryKiller();
  readonly #longTasks: LongTaskWatch;
  readonly #stopsOnFailure: boolean;
  readonly #lateWarnings = new LogLimiter(LATE_WARNING_MS);
  #timer: NodeJS.Timeout | undefined;
  #stopReport: StopReport | undefined;
  #resultsLeft = 0;
  #lookedAt = 0;
  #phase: 'starting' | 'running' | 'stopping' = 'starting';
  #loopDelayMs = 0;
  #wasCutOff = false;

  constructor(options: OrchestratorOptions, server: ServerConnection, events: SupervisorEvents) {
    const { logger, longTaskWarningMs } = options;
    this.#logger = logger;
    this.#stopsOnFailure = options.onStartupFailure === 'stop';
    this.#events = events;
    this.#inspector = options.inspector ?? new ProcInspector();
    this.#custodian = new TaskCustodian({
      client: server.client,
      logger,
      directory: server.directory,
      ledger: this.#ledger,
      redact: (text) => server.redact?.(text) ?? text,
    });
    this.#options = this.#replicaOptions(options, server);
    this.#longTasks = new LongTaskWatch(logger, longTaskWarningMs, (task) => events.emit('longTask', task));
  }

  /** By how much the last look at the processes was late, in milliseconds. */
  get loopDelayMs(): number {
    return this.#loopDelayMs;
  }

  /** Work was lost by the stop. */
  get wasCutOff(): boolean {
    return this.#wasCutOff;
  }

  get replicas(): Replica[] {
    return [...this.#replicas.values()];
  }

  /** Starts the processes of the plan, and looks at them from now on. */
  start(plan: Plan): void {
    if (!this.#inspector.isSupported) this.#logger.warn(NO_PROC);
    this.#lookedAt = performance.now();
    // After what has come from the processes meanwhile: beats that are written must not count as missing.
    this.#timer = setInterval(() => setImmediate(() => this.#watch()), WATCH_MS);
    // The processes keep the program alive, not whoever looks at them.
    this.#timer.unref();
    void this.reconcile(plan);
  }

  /**
   * Makes what runs what is to run: starts replicas that are new, replaces processes whose plan is another or that are to be
   * renewed, one after the other, and stops replicas that the plan does not have. Done again with the same plan it
   * changes nothing. Resolves when fresh processes have taken over and the others are gone; events report on
   * replicas that are started.
   *
   * @throws TuttiError when a fresh process does not get ready; the one before goes on, and what follows is left out
   */
  async reconcile(plan: Plan): Promise<void> {
    const changes = changesTo(
      plan,
      this.replicas.map((replica) => replica.plan),
    );
    const stopping = changes.flatMap((change) =>
      change.action === 'stop' ? [this.#remove(change.name)] : [],
    );
    const added = changes.flatMap((change) => (change.action === 'start' ? [this.#add(change.plan)] : []));
    for (const replica of added) replica.start();
    for (const change of changes) {
      if (change.action === 'replace')
        await this.#replicas.get(change.plan.name)?.replace(change.renewal, change.plan);
    }
    await Promise.all(stopping);
  }

  /** Replaces the processes of these replicas, one after the other; see {@link reconcile}. */
  async renew(renewals: ReadonlyMap<string, Renewal>): Promise<void> {
    await this.reconcile({ replicas: this.replicas.map((replica) => replica.plan), renewals });
  }

  /** The start is over: processes that are ready poll, and what earlier runs have left is taken over. */
  run(): void {
    this.#phase = 'running';
    for (const replica of this.replicas) replica.run();
    void this.#custodian.takeOver();
  }

  /**
   * Lets all processes finish and leave; `armGrace` starts the time after which their tasks are aborted and they are killed.
   *
   * @param level - of the line at the end
   */
  stop(graceMs: number, level: 'info' | 'debug'): { stopped: Promise<void>; armGrace: () => void } {
    this.#phase = 'stopping';
    const report = new StopReport(this.replicas, this.#logger, level);
    this.#stopReport = report;
    const timers: NodeJS.Timeout[] = [];
    const abort = (): void =>
      this.replicas.forEach((replica) =>
        replica.abort('the application stops and its grace period is nearly over'),
      );
    const kill = (): void =>
      this.replicas.forEach((replica) =>
        replica.kill(`it had not finished ${graceMs} ms after it was told to stop`),
      );
    let isOver = false;
    const stopped = Promise.all(this.replicas.map((replica) => replica.stop())).then(() => {
      isOver = true;
      timers.forEach(clearTimeout);
      report.processesGone();
    });
    const armGrace = (): void => {
      if (isOver || timers.length > 0) return;
      report.endsIn(graceMs);
      timers.push(setTimeout(abort, graceMs * (1 - ABORT_SHARE)), setTimeout(kill, graceMs));
    };
    return { stopped, armGrace };
  }

  /** Waits for a while until everything is reported. No process is looked at any more. */
  async close(outboxFolder: string | undefined): Promise<void> {
    clearInterval(this.#timer);
    let left: number;
    try {
      left = await this.#custodian.close(REPORT_WAIT_MS, this.#wasCutOff);
    } catch (error) {
      // Whatever it is, whoever waits for the end must not wait for ever.
      this.#logger.error('what is left to report could not be put in order; the next start looks for it', {
        folder: outboxFolder,
        error: describeThrown(error),
      });
      this.#wasCutOff = true;
      return;
    }
    this.#resultsLeft = left;
    if (left === 0) return;
    this.#logger.warn('results wait in the outbox for the next start: the server did not take them', {
      results: left,
      folder: outboxFolder,
    });
    // In memory only, they are lost with this process.
    if (outboxFolder === undefined) this.#wasCutOff = true;
  }

  /** Everything has stopped: says what became of the tasks meanwhile. */
  reportStop(): void {
    this.#stopReport?.finish(this.#resultsLeft);
  }

  status(): { replicas: ReplicaStatusView[]; custody: CustodyStatus } {
    const leaseLeftMs = (taskId: string): number | undefined => this.#custodian.leaseLeftMs(taskId);
    return {
      replicas: this.replicas.map((replica) => replica.status(leaseLeftMs)),
      custody: this.#custodian.status(),
    };
  }

  #watch(): void {
    const now = performance.now();
    this.#loopDelayMs = Math.max(0, Math.round(now - this.#lookedAt - WATCH_MS));
    this.#lookedAt = now;
    if (this.#loopDelayMs > LATE_MS && this.#lateWarnings.pass(now) !== undefined) {
      this.#logger.warn(
        'the event loop of the orchestrator was blocked: what follows bootstrap() must not compute',
        {
          lateMs: this.#loopDelayMs,
        },
      );
    }
    this.#memoryKiller.look(now);
    const due = new Map<string, Renewal>();
    for (const replica of this.replicas) {
      const renewal = replica.watch(now);
      // One after the other: fresh processes beside all the old ones would need twice the memory.
      if (renewal !== undefined && due.size === 0) due.set(replica.plan.name, renewal);
      this.#longTasks.look(replica, now);
    }
    if (due.size === 0 || this.replicas.some((replica) => replica.isBeingReplaced)) return;
    // A fresh process that did not get ready has its own event.
    this.renew(due).catch(() => undefined);
  }

  #add(plan: ProcessPlan): Replica {
    const replica = new Replica(plan, this.#options, this.#listener);
    this.#replicas.set(plan.name, replica);
    if (this.#phase === 'running') replica.run();
    return replica;
  }

  async #remove(name: string): Promise<void> {
    const replica = this.#replicas.get(name);
    await replica?.stop();
    if (this.#replicas.get(name) === replica) this.#replicas.delete(name);
  }

  #replicaOptions(options: OrchestratorOptions, { url, directory }: ServerConnection): ReplicaOptions {
    return {
      ...options,
      serverUrl: url,
      outboxFolder: directory?.outboxFolder,
      resultsFolder: directory?.resultsFolder,
      nativeCallsFolder: directory?.nativeCallsFolder,
      restartsUnready: options.onStartupFailure === 'continue',
      inspector: this.#inspector,
      memoryKiller: this.#memoryKiller,
      ledger: this.#ledger,
      meter: this.#meter,
    };
  }

  readonly #listener: ReplicaListener = {
    ready: (replica) => {
      this.#logger.debug('worker process ready', { replica: replica.plan.name, pid: replica.pid });
      this.#events.emit(
        'ready',
        replica.status(() => undefined),
      );
      this.#events.replicaChanged();
    },
    died: (replica, death, failedTasks) => this.#died(replica, death, failedTasks),
    restarting: (replica, delayMs, deaths) => {
      this.#logger.warn('starting the worker process again', { replica: replica.plan.name, delayMs, deaths });
      this.#events.emit('restart', { replica: replica.plan.name, delayMs, deaths });
      this.#events.replicaChanged();
    },
    givenUp: (replica, error) => {
      // During the start, the error of start() reports it.
      const level = this.#phase === 'starting' ? 'debug' : 'error';
      // The last lines of its standard error follow on the first.
      const [sentence = '', ...lastLines] = error.message.split('\n');
      const stderr = lastLines.length === 0 ? undefined : lastLines.join('\n');
      this.#logger.log(level, sentence, { replica: replica.plan.name, code: error.code, stderr });
      this.#events.emit('givenUp', { replica: replica.plan.name, error });
      this.#events.replicaChanged();
    },
    replaced: (replica, replacement) => {
      const { cause, reason, oldPid, pid } = replacement;
      const level = cause === 'command' || cause === 'tasks' || cause === 'age' ? 'info' : 'warn';
      this.#logger.log(level, `a worker process is replaced: ${reason}`, {
        replica: replica.plan.name,
        oldPid,
        pid,
      });
      this.#events.emit('replaced', { replica: replica.plan.name, ...replacement });
    },
    replaceFailed: (replica, cause, error) => {
      this.#logger.error('a worker process cannot be replaced; the one before goes on', {
        replica: replica.plan.name,
        cause,
        error: error.message,
      });
      this.#events.emit('replaceFailed', { replica: replica.plan.name, cause, error });
    },
  };

  #died(replica: Replica, death: ProcessDeath, failedTasks: readonly string[]): void {
    const { reason, workers, pid, isClean, code, signal } = death;
    const isExpected =
      (isClean || this.#phase === 'stopping') && code === EXIT_CODES.clean && failedTasks.length === 0;
    // The error of a start that fails lists every process that did not get ready.
    const isToldByStart = this.#phase === 'starting' && this.#stopsOnFailure && workers.length === 0;
    const frames = death.error === undefined || workers.length > 0 ? '' : programFrames(death.error.stack);
    this.#logger.log(isExpected || isToldByStart ? 'debug' : 'error', reason, {
      failedTasks: failedTasks.length === 0 ? undefined : failedTasks,
      ...(frames === '' ? {} : { stack: frames }),
    });
    if (this.#phase === 'stopping' && !isExpected) this.#wasCutOff = true;
    this.#events.emit('exit', {
      replica: replica.plan.name,
      pid,
      code,
      signal,
      reason,
      failedTasks: failedTasks.length,
    });
  }
}

const NO_PROC =
  'this system does not tell what processes do (there is no /proc): a worker process that hangs is ended by executionTimeout only';
