import { TuttiError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { printableLines } from '../../core/printable.js';
import { RESTART_SIGNAL, STATUS_SIGNAL, STOP_SIGNALS } from '../../protocol/orchestrator-signals.js';

/** A terminal and npm each deliver one Ctrl-C; two signals this close are one. */
const SAME_SIGNAL_MS = 200;
/** How long the program may go on by itself after a stop that a signal has asked for. */
const LINGER_MS = 3_000;

/** The part of the orchestrator that signals act on. */
export interface SignalTarget {
  stop(): Promise<void>;
  /** Ends everything at once. */
  kill(reason: string): void;
  /** Plain data. */
  status(): object;
}

/**
 * First signal: stop and finish. Second: at once. SIGUSR2 stops too, however often it comes. SIGQUIT prints the status
 * to standard error.
 */
export class SignalHandler {
  readonly #target: SignalTarget;
  readonly #logger: Logger;
  #firstAt: number | undefined;
  #isInstalled = false;

  constructor(target: SignalTarget, logger: Logger) {
    this.#target = target;
    this.#logger = logger;
  }

  install(): void {
    if (this.#isInstalled) return;
    this.#isInstalled = true;
    for (const signal of STOP_SIGNALS) process.on(signal, this.#onSignal);
    if (process.platform === 'win32') return;
    process.on(RESTART_SIGNAL, this.#onRestartSignal);
    process.on(STATUS_SIGNAL, this.#onStatusSignal);
  }

  uninstall(): void {
    this.#isInstalled = false;
    for (const signal of STOP_SIGNALS) process.off(signal, this.#onSignal);
    process.off(RESTART_SIGNAL, this.#onRestartSignal);
    process.off(STATUS_SIGNAL, this.#onStatusSignal);
  }

  /** Whether a stop was asked for by a signal. */
  get wasSignalled(): boolean {
    return this.#firstAt !== undefined;
  }

  /**
   * Ends the program a while after a stop by signal, if something else keeps it alive: whoever sent the signal waits
   * for the process to go.
   */
  endSoon(exitCode: number): void {
    // A program that still waits for a workflow ends by the error that says so; it was asked to end, and has not failed.
    process.on('uncaughtExceptionMonitor', (error) => {
      if (TuttiError.is(error, 'CLIENT_CLOSED')) process.once('exit', () => (process.exitCode = exitCode));
    });
    const timer = setTimeout(() => {
      this.#logger.warn('all workers have stopped, but something keeps the program alive; ending it', {
        exitCode,
        open: openResources(),
      });
      process.exit(exitCode);
    }, LINGER_MS);
    timer.unref();
  }

  readonly #onStatusSignal = (): void => {
    // Errors and progress in it come from outside.
    process.stderr.write(`${printableLines(JSON.stringify(this.#target.status(), undefined, 2))}\n`);
  };

  readonly #onRestartSignal = (signal: NodeJS.Signals): void => {
    // A listener of the program's, or of Node's (--heapsnapshot-signal, --report-signal), means something else by it.
    if (process.listenerCount(signal) > 1) return;
    // nodemon sends it again once the worker processes have gone: that is no wish to cut off what is left to report.
    if (this.#firstAt === undefined) this.#stop(signal);
  };

  #stop(signal: NodeJS.Signals): void {
    this.#firstAt = performance.now();
    this.#logger.info(
      `${signal}: stopping; running tasks may finish. A second signal ends everything at once`,
    );
    // join() reports the outcome of the stop.
    this.#target.stop().catch(() => undefined);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (this.#firstAt === undefined) {
      this.#stop(signal);
    } else if (now - this.#firstAt > SAME_SIGNAL_MS) {
      this.#logger.warn(`${signal} again: ending everything at once`);
      this.#target.kill(`a second signal (${signal}) asked for it`);
    }
  };
}

/** What Node.js waits for, as it names it: timers, sockets, servers. Standard streams keep no program alive. */
function openResources(): string {
  const names = process.getActiveResourcesInfo().filter((name) => !/^(?:TTY|Pipe)Wrap$/.test(name));
  return [...new Set(names)].join(', ');
}
