import { Logger, type LogFields, type LogLevel } from '../../core/logger.js';
import { currentTaskContext } from './task-context.js';

type Level = Exclude<LogLevel, 'silent'>;

/**
 * The logger that services are given: within a task its lines carry the worker and the ids of that task, although the
 * service may serve several tasks at the same time.
 */
export class TaskLogger extends Logger {
  readonly #inner: Logger;

  constructor(inner: Logger) {
    super();
    this.#inner = inner;
  }

  override log(level: Level, message: string, fields?: LogFields): void {
    this.#inner.log(level, message, withTask(fields));
  }

  // Level by level, as a logger of the program may have methods of its own.
  override error(message: string, fields?: LogFields): void {
    this.#inner.error(message, withTask(fields));
  }
  override warn(message: string, fields?: LogFields): void {
    this.#inner.warn(message, withTask(fields));
  }
  override info(message: string, fields?: LogFields): void {
    this.#inner.info(message, withTask(fields));
  }
  override debug(message: string, fields?: LogFields): void {
    this.#inner.debug(message, withTask(fields));
  }

  override child(fields: LogFields): Logger {
    return new TaskLogger(this.#inner.child(fields));
  }
}

function withTask(fields: LogFields | undefined): LogFields | undefined {
  const context = currentTaskContext();
  return context === undefined ? fields : { ...context.logFields, ...fields };
}
