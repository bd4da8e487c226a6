import { describe, expect, it, test } from 'vitest';
import { ConsoleLogger, Logger, LOG_LEVELS, SteadyLogger, type LogLevel } from '../../../src/core/logger.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { thrownValues } from '../../support/hostile-values.js';

function lines(level: LogLevel, log: (logger: ConsoleLogger) => void): string[] {
  const written: string[] = [];
  log(new ConsoleLogger(level, (line) => written.push(line)));
  return written;
}

describe('ConsoleLogger', () => {
  test.each(LOG_LEVELS.map((level, index) => [level, index] as const))(
    'at level %s writes %i kinds',
    (level, kinds) => {
      const written = lines(level, (logger) => {
        logger.error('e');
        logger.warn('w');
        logger.info('i');
        logger.debug('d');
      });
      expect(written).toHaveLength(kinds);
    },
  );

  it('writes time, level, message and fields in one line', () => {
    const [line] = lines('info', (logger) =>
      logger.info('task done', { taskId: 'a-1', text: 'two words', n: 3, gone: undefined, list: [1] }),
    );
    expect(line).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}task done taskId=a-1 text="two words" n=3 list=\[1\]\n$/,
    );
  });

  test.each(thrownValues())('can write a field that is %s', (_title, value) => {
    const written = lines('info', (logger) => logger.info('message', { error: value }));
    expect(written).toHaveLength(1);
    expect(written[0]!.match(/\n/g)).toHaveLength(1);
  });
});

describe('child loggers', () => {
  it('add their fields, the innermost wins', () => {
    const logger = new RecordingLogger();
    logger.child({ a: 1, b: 1 }).child({ b: 2 }).warn('hello', { c: 3 });
    expect(logger.entries).toEqual([{ level: 'warn', message: 'hello', fields: { a: 1, b: 2, c: 3 } }]);
  });
});

describe('SteadyLogger', () => {
  it('goes on when the logger of the program throws', () => {
    const failures: unknown[] = [];
    class Broken extends Logger {
      override log(): void {
        throw new Error('the disk is full');
      }
    }
    const logger = new SteadyLogger(new Broken(), (error) => failures.push(error));
    logger.info('first');
    logger.child({ a: 1 }).error('second');
    logger.log('warn', 'third');
    expect(failures.map(String)).toEqual(Array(3).fill('Error: the disk is full'));
  });

  it('leaves everything to the logger of the program, its own methods included', () => {
    const seen: unknown[] = [];
    class Own extends Logger {
      override log(...entry: unknown[]): void {
        seen.push(entry);
      }
      override warn(message: string): void {
        seen.push(`warn ${message}`);
      }
      override child(): Logger {
        seen.push('child');
        return new Own();
      }
    }
    const logger = new SteadyLogger(new Own());
    logger.debug('one', { a: 1 });
    logger.child({ b: 2 }).warn('two');
    logger.log('error', 'three');
    expect(seen).toEqual([['debug', 'one', { a: 1 }], 'child', 'warn two', ['error', 'three', undefined]]);
  });
});
