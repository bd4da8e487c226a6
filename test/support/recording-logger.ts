import { Logger, type LogFields, type LogLevel } from '../../src/core/logger.js';

/** Keeps what is logged, for tests to look at. */
export class RecordingLogger extends Logger {
  readonly entries: { level: LogLevel; message: string; fields: LogFields }[] = [];

  override log(level: Exclude<LogLevel, 'silent'>, message: string, fields: LogFields = {}): void {
    this.entries.push({ level, message, fields });
  }

  /** The messages of one level. */
  at(level: LogLevel): string[] {
    return this.entries.filter((entry) => entry.level === level).map((entry) => entry.message);
  }

  /** Everything that was logged, as one text. */
  get text(): string {
    return JSON.stringify(this.entries);
  }
}
