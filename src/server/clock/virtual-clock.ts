import { DURATION_EXPECTED, millisecondsOf, type Duration } from '../../core/duration.js';
import { ConfigurationError } from '../../core/errors.js';
import { show } from '../../core/options.js';
import { Clock } from './clock.js';

export interface VirtualClockOptions {
  /** Initial time. @defaultValue now */
  readonly now?: Date | number;
  /**
   * `true`: whenever nothing is going on (no task is running or waiting for a worker, no script or HTTP task is running), the
   * clock jumps to the next scheduled event. @defaultValue false
   */
  readonly autoSkip?: boolean;
}

/** What the server that uses the clock says of itself. */
export interface ClockUser {
  /** Resolves when the server waits for nothing but time, workers and callers. */
  idle(): Promise<void>;
  /** Whether nothing can happen before time goes on. */
  readonly isQuiet: boolean;
  /** Calls back after each change. @returns the way to stop */
  onChange(listener: () => void): () => void;
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands still until a test advances it. Time-outs, WAIT tasks, retry delays and leases follow it. */
export class VirtualClock extends Clock {
  readonly #timers = new Set<Timer>();
  #now: number;
  #autoSkip: boolean;
  #user: ClockUser | undefined;
  #advancing: Promise<void> = Promise.resolve();
  #isSkipPlanned = false;

  constructor({ now = Date.now(), autoSkip = false }: VirtualClockOptions = {}) {
    super();
    this.#now = typeof now === 'number' ? now : now.getTime();
    this.#autoSkip = autoSkip;
  }

  override now(): number {
    return this.#now;
  }

  override after(delayMs: number, run: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    this.#planSkip();
    return () => this.#timers.delete(timer);
  }

  /**
   * Lets time pass. Everything that becomes due happens in order and at its time. Resolves when the server has handled
   * all of it.
   *
   * @param duration - milliseconds, or a string such as `'2 days'`
   * @throws ConfigurationError if it is not a duration
   */
  advance(duration: Duration): Promise<void> {
    const ms = millisecondsOf(duration);
    if (ms === undefined) {
      throw new ConfigurationError(
        'CONFIG_INVALID',
        `clock.advance(): expected ${DURATION_EXPECTED}, got ${show(duration)}`,
      );
    }
    return this.#inTurn(() => this.#runUntil(this.#now + ms));
  }

  /** One after the other: two that ran at the same time would overtake each other. */
  #inTurn(turn: () => Promise<void>): Promise<void> {
    const done = this.#advancing.then(turn);
    // One that fails must not keep later ones from running.
    this.#advancing = done.catch(() => undefined);
    return done;
  }

  /** Turns automatic jumps on or off. */
  set autoSkip(isOn: boolean) {
    this.#autoSkip = isOn;
    this.#planSkip();
  }

  get autoSkip(): boolean {
    return this.#autoSkip;
  }

  /** @internal Called by the server that the clock was given to. */
  attach(user: ClockUser): void {
    if (this.#user !== undefined) {
      throw new ConfigurationError(
        'CONFIG_INVALID',
        'virtualClock(): a clock is for one server; make another one',
      );
    }
    this.#user = user;
    user.onChange(() => this.#planSkip());
    this.#planSkip();
  }

  async #runUntil(until: number): Promise<void> {
    await this.#user?.idle();
    for (let next = this.#next(); next !== undefined && next.at <= until; next = this.#next()) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await this.#user?.idle();
    }
    this.#now = Math.max(this.#now, until);
  }

  /** After what is under way in this turn of the loop: whoever changed the workflow may not be done. */
  #planSkip(): void {
    if (!this.#autoSkip || this.#isSkipPlanned || this.#user === undefined) return;
    this.#isSkipPlanned = true;
    setImmediate(() => {
      void this.#inTurn(() => {
        this.#isSkipPlanned = false;
        return this.#skip();
      });
    });
  }

  /** Looks again: a turn that came before may have moved the clock, or brought work. */
  async #skip(): Promise<void> {
    const next = this.#next();
    if (!this.#autoSkip || next === undefined || this.#user?.isQuiet !== true) return;
    await this.#runUntil(Math.max(this.#now, next.at));
    this.#planSkip();
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer;
    return next;
  }
}

/**
 * Creates a clock for tests, to pass to `embeddedServer({ clock })`.
 *
 * @example
 * ```ts
 * const clock = virtualClock();
 * const server = await embeddedServer({ clock }).start();
 * await clock.advance('2 days');
 * ```
 */
export function virtualClock(options: VirtualClockOptions = {}): VirtualClock {
  return new VirtualClock(options);
}
