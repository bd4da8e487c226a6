import { describe, expect, it, test } from 'vitest';
import {
  ConsoleLogger,
  Logger,
  LOG_LEVELS,
  SteadyLogger,
  type LogFormat,
  type LogLevel,
} from '../../../src/core/logger.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { thrownValues } from '../../support/hostile-values.js';

function lines(level: LogLevel, log: (logger: ConsoleLogger) => void, format?: LogFormat): string[] {
  const written: string[] = [];
  log(new ConsoleLogger(level, (line) => written.push(line), format));
  return written;
}

/** Lines at which a reader, or a program that collects logs, would see an entry begin. */
function beginnings(written: readonly string[]): string[] {
  return written.flatMap((text) => text.split(/[\n\r\u0085\u2028]/)).filter((line) => /^\S/.test(line));
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
    expect(beginnings(written)).toHaveLength(1);
    const [json] = lines('info', (logger) => logger.info('message', { error: value }), 'json');
    expect(JSON.parse(json!)).toMatchObject({ level: 'info', message: 'message' });
  });

  it('writes stacks and tables below the line, to be read as they are', () => {
    const [line] = lines('info', (logger) =>
      logger.warn('a task failed', { stack: 'Error: no\n    at here\n', taskId: 't-1', table: 'a  b\n1  2' }),
    );
    expect(line).toMatch(
      /WARN {2}a task failed taskId=t-1\n {4}Error: no\n {8}at here\n {4}\n {4}a {2}b\n {4}1 {2}2\n$/,
    );
  });

  it('writes message and stack of an error', () => {
    const error = new TypeError('no', { cause: new Error('why') });
    const [line] = lines('info', (logger) => logger.warn('failed', { error, n: 1 }));
    expect(line).toMatch(
      / failed error="no; caused by: why" n=1\n {4}TypeError: no\n {8}at [^]*\n {4}caused by: Error: why\n {8}at /,
    );
  });
});

describe.each<LogFormat>(['text', 'json'])('what comes from outside, as %s', (format) => {
  const attack =
    'x\n2026-01-01T00:00:00.000Z ERROR forged\r\u001b[2J\u001b]0;pwned\u0007\u009b31m\u0085\u2028\u202e\u2066';

  it.each<[string, (logger: ConsoleLogger) => void]>([
    ['a message', (logger) => logger.info(attack)],
    ['a field', (logger) => logger.info('m', { taskId: attack })],
    ['a field inside of an object', (logger) => logger.info('m', { task: { id: [attack] } })],
    ['the name of a field', (logger) => logger.info('m', { [attack]: 1 })],
    ['a stack', (logger) => logger.info('m', { stack: `Error: ${attack}\n    at x` })],
    ['an error', (logger) => logger.info('m', { error: new Error(attack) })],
    ['a symbol', (logger) => logger.info('m', { value: Symbol(attack) })],
  ])('%s neither forges an entry nor reaches the terminal', (_title, log) => {
    const written = lines('info', log, format);
    expect(beginnings(written)).toHaveLength(1);
    expect(written.join('').replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u);
    if (format === 'json') expect(JSON.parse(written[0]!)).toMatchObject({ level: 'info' });
  });
});

describe('ConsoleLogger as JSON', () => {
  const entryOf = (message: string, fields: object): Record<string, unknown> => {
    const [line] = lines('info', (logger) => logger.info(message, { ...fields }), 'json');
    expect(line).toMatch(/^[^\n]*\n$/);
    return JSON.parse(line!) as Record<string, unknown>;
  };

  it('writes one object a line: time, level, message and the fields as they are', () => {
    const entry = entryOf('task done\n', {
      taskId: 'a-1',
      n: 3,
      gone: undefined,
      list: [{ a: 1 }],
      none: null,
    });
    expect(Object.keys(entry)).toEqual(['time', 'level', 'message', 'taskId', 'n', 'list', 'none']);
    expect(entry).toMatchObject({ level: 'info', message: 'task done\n', list: [{ a: 1 }], none: null });
    expect(new Date(entry['time'] as string).toISOString()).toBe(entry['time']);
  });

  it('writes an error with name, message, code and stack', () => {
    const error = Object.assign(new TypeError('no', { cause: new Error('why') }), { code: 'E_NO' });
    expect(entryOf('failed', { error })['error']).toEqual({
      name: 'TypeError',
      message: 'no; caused by: why',
      code: 'E_NO',
      stack: expect.stringMatching(/^TypeError: no\n[^]*caused by: Error: why/),
    });
  });

  it('does not let a field take the place of what every entry has', () => {
    const entry = entryOf('m', { level: 'error', message: 'forged', time: 0, ['__proto__']: 1 });
    expect(entry).toMatchObject({
      level: 'info',
      message: 'm',
      level_: 'error',
      message_: 'forged',
      time_: 0,
    });
  });

  it('writes what JSON cannot carry as text', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    expect(entryOf('m', { circular, big: 5n, mark: Symbol('s') })).toMatchObject({
      circular: '(cannot be shown)',
      big: '(cannot be shown)',
      mark: 'Symbol(s)',
    });
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
