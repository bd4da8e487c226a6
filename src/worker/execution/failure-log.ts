import { LogLimiter } from '../../core/log-limiter.js';
import type { Logger } from '../../core/logger.js';
import { TaskResultStatus } from '../../conductor/wire/task-result.js';
import type { Task } from '../../conductor/wire/types.js';
import { taskFields } from './task-fields.js';

/** How often a failure of one kind is logged at level warn. */
const INTERVAL_MS = 10_000;
/** Messages and places may vary without end: what goes beyond counts as one kind. */
const MAX_KINDS = 100;

/** A task that this process reports as failed. */
export interface TaskFailure {
  readonly status: TaskResultStatus;
  readonly reason: string;
  /** Of what was thrown; `undefined` when nothing was. */
  readonly stack: string | undefined;
}

interface Kind {
  readonly limiter: LogLimiter;
  /** What is logged with the number of those that were left out. */
  latest: object;
}

/**
 * Logs each failed task of one worker once: at level warn, unless one of the same kind was logged a moment ago; then at
 * level debug, and their number follows. The stack goes with the first of a kind, and with each at level debug.
 */
export class FailureLog {
  readonly #logger: Logger;
  readonly #kinds = new Map<string, Kind>();
  #timer: NodeJS.Timeout | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  tell(task: Task, failure: TaskFailure): void {
    const { reason, stack } = failure;
    const fields = { ...taskFields(task), error: reason };
    const [kind, isFirst] = this.#kindOf(failure);
    kind.latest = fields;
    const leftOut = kind.limiter.pass();
    const message =
      failure.status === TaskResultStatus.FAILED
        ? 'a task failed'
        : 'a task failed for good: it is not tried again';
    if (leftOut === undefined) {
      this.#logger.debug(message, { ...fields, stack });
      this.#flushLater();
      return;
    }
    this.#logger.warn(message, {
      ...fields,
      leftOut: leftOut === 0 ? undefined : leftOut,
      stack: isFirst ? stack : undefined,
    });
    if (!isFirst && stack !== undefined)
      this.#logger.debug('the stack of a failed task', { taskId: task.taskId, stack });
  }

  /** Logs how many failures were left out, at once. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { limiter, latest } of this.#kinds.values()) {
      const count = limiter.take();
      if (count > 0) this.#logger.warn('more tasks failed in the same way', { count, ...latest });
    }
  }

  #flushLater(): void {
    this.#timer ??= setTimeout(() => this.flush(), INTERVAL_MS).unref();
  }

  #kindOf(failure: TaskFailure): [kind: Kind, isFirst: boolean] {
    const name = kindName(failure);
    const known = this.#kinds.get(name);
    if (known !== undefined) return [known, false];
    const isFull = this.#kinds.size >= MAX_KINDS;
    const others = isFull ? this.#kinds.get('') : undefined;
    if (others !== undefined) return [others, false];
    const kind: Kind = { limiter: new LogLimiter(INTERVAL_MS), latest: {} };
    this.#kinds.set(isFull ? '' : name, kind);
    return [kind, true];
  }
}

/** The place where it was thrown; where there is none, the reason without its numbers, which are often ids. */
function kindName({ status, reason, stack }: TaskFailure): string {
  const place = stack === undefined ? undefined : /^\s+at .*$/m.exec(stack)?.[0].trim();
  const type = stack === undefined ? '' : /^[\w$. ]{0,100}/.exec(stack)![0];
  return `${status} ${place === undefined ? reason.slice(0, 200).replace(/\d+/g, '#') : `${type} ${place}`}`;
}
