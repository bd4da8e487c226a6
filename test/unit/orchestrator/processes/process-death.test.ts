import { describe, expect, it, test } from 'vitest';
import {
  deathError,
  describeDeath,
  lastWordsOf,
  type DeathFacts,
} from '../../../../src/orchestrator/processes/process-death.js';
import type { RestartCause } from '../../../../src/orchestrator/processes/watchdog.js';

const OOM = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory';

function death(
  fields: Partial<Omit<DeathFacts, 'end'>> & { end?: Partial<DeathFacts['end']> } = {},
): DeathFacts {
  return {
    pid: 42,
    error: undefined,
    killedFor: undefined,
    nativeCall: undefined,
    ...fields,
    end: { code: null, signal: null, stderrTail: '', ...fields.end },
  };
}
const killed = (cause: RestartCause): Partial<DeathFacts> => ({
  killedFor: { text: 'too slow', cause, isByTask: false },
});
const error = {
  name: 'Error',
  message: 'no database',
  stack: 'Error: no database\n    at main.js:1',
  code: undefined,
};

describe('lastWordsOf', () => {
  test.each<[string, DeathFacts, string]>([
    ['nothing', death(), ''],
    ['its last lines', death({ end: { stderrTail: 'boom' } }), 'boom'],
    ['the stack of the error that it reported', death({ error }), error.stack],
    ['its last lines with the stack', death({ error, end: { stderrTail: 'boom' } }), `boom\n${error.stack}`],
    [
      'its last lines that have the stack already, in whatever form',
      death({ error, end: { stderrTail: '"stack":"Error: no database\\n    at main.js:1"' } }),
      '"stack":"Error: no database\\n    at main.js:1"',
    ],
  ])('are %s', (_title, given, text) => {
    expect(lastWordsOf(given)).toBe(text);
  });
});

describe('describeDeath', () => {
  test.each<[string, DeathFacts, string]>([
    ['an exit', death({ end: { code: 3 } }), 'exited with code 3'],
    ['an exit with 0', death({ end: { code: 0 } }), 'exited with code 0'],
    ['a signal', death({ end: { signal: 'SIGSEGV' } }), 'died of signal SIGSEGV'],
    [
      'no memory',
      death({ end: { signal: 'SIGABRT', stderrTail: OOM } }),
      'died: JavaScript heap out of memory',
    ],
    ['an error that it reported', death({ error, end: { code: 1 } }), 'failed: no database'],
    [
      'a kill by the orchestrator, whatever else is known',
      death({ killedFor: { text: 'it hangs', isByTask: true }, error, end: { signal: 'SIGKILL' } }),
      'was killed: it hangs',
    ],
    [
      'a native call',
      death({ nativeCall: 'libsum.so get_sum', end: { signal: 'SIGSEGV' } }),
      'died of signal SIGSEGV while calling libsum.so get_sum',
    ],
    [
      'an error and a native call with control characters',
      death({
        error: { ...error, message: 'a\nb\u001b[2J' },
        nativeCall: 'x\n\u009b',
        end: { code: 1 },
      }),
      'failed: a\nb\\u001b[2J while calling x\\n\\u009b',
    ],
  ])('%s', (_title, given, text) => {
    expect(describeDeath('greet#1', given)).toBe(`worker process greet#1 (pid 42) ${text}`);
  });
});

describe('deathError', () => {
  it('has the last words of a process that could not say what was wrong', () => {
    const made = deathError(death({ end: { code: 1, stderrTail: 'SyntaxError: bad' } }), 'it exited');
    expect(made).toMatchObject({
      code: 'PROCESS_FAILED',
      message: 'it exited\nSyntaxError: bad',
      details: { pid: 42, exitCode: 1, signal: null, stderr: 'SyntaxError: bad' },
    });
  });

  it('does not repeat what the process has said itself', () => {
    const made = deathError(
      death({ error, end: { code: 1, stderrTail: 'Error: no database' } }),
      'it failed: no database',
    );
    expect(made).toMatchObject({ message: 'it failed: no database', cause: error });
  });

  test.each<[string, Partial<DeathFacts>, string]>([
    ['was not ready in time', killed('not-ready'), 'PROCESS_NOT_READY'],
    ['hung', killed('blocked'), 'PROCESS_HUNG'],
    ['was stopped by a signal', killed('stopped'), 'PROCESS_HUNG'],
    ['had a task that did not end', killed('execution-timeout'), 'PROCESS_HUNG'],
    ['was too large', killed('memory'), 'PROCESS_OUT_OF_MEMORY'],
    ['was killed for another reason', { killedFor: { text: 'x', isByTask: false } }, 'PROCESS_FAILED'],
    [
      'has used up its heap',
      { end: { code: null, signal: 'SIGABRT', stderrTail: OOM } },
      'PROCESS_OUT_OF_MEMORY',
    ],
    [
      'was killed by the memory killer',
      { isByMemoryKiller: true, end: { code: null, signal: 'SIGKILL', stderrTail: '' } },
      'PROCESS_OUT_OF_MEMORY',
    ],
    ['died', { end: { code: null, signal: 'SIGSEGV', stderrTail: '' } }, 'PROCESS_FAILED'],
  ])('has the code of its cause: it %s', (_title, fields, code) => {
    expect(deathError(death(fields), 'x').code).toBe(code);
  });
});
