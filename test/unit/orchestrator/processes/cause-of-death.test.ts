import { describe, expect, it, test } from 'vitest';
import { deathError, type DeathFacts } from '../../../../src/orchestrator/processes/cause-of-death.js';
import type { RestartCause } from '../../../../src/protocol/states.js';
import { makeDeath } from '../../../support/make-death.js';
import { makeLedgerTask } from '../../../support/make-ledger-task.js';

const OOM = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory';

const killed = (cause: RestartCause): Partial<DeathFacts> => ({
  killedFor: { text: 'too slow', cause, isByTask: false },
});
const error = {
  name: 'Error',
  message: 'no database',
  stack: 'Error: no database\n    at main.js:1',
  code: undefined,
};

describe('lastWords', () => {
  test.each<[string, Partial<DeathFacts>, string]>([
    ['nothing', {}, ''],
    ['its last lines', { stderrTail: 'boom' }, 'boom'],
    ['the stack of the error that it reported', { error }, error.stack],
    ['its last lines with the stack', { error, stderrTail: 'boom' }, `boom\n${error.stack}`],
    [
      'its last lines that have the stack already, in whatever form',
      { error, stderrTail: '"stack":"Error: no database\\n    at main.js:1"' },
      '"stack":"Error: no database\\n    at main.js:1"',
    ],
  ])('are %s', (_title, given, text) => {
    expect(makeDeath(given).lastWords).toBe(text);
  });
});

describe('reason', () => {
  test.each<[string, Partial<DeathFacts>, string]>([
    ['an exit', { code: 3 }, 'exited with code 3'],
    ['an exit with 0', { code: 0 }, 'exited with code 0'],
    ['a signal', { signal: 'SIGSEGV' }, 'died of signal SIGSEGV'],
    ['no memory', { signal: 'SIGABRT', stderrTail: OOM }, 'died: JavaScript heap out of memory'],
    ['an error that it reported', { error, code: 1 }, 'failed: no database'],
    [
      'a kill by the orchestrator, whatever else is known',
      { killedFor: { text: 'it hangs', isByTask: true }, error, signal: 'SIGKILL' },
      'was killed: it hangs',
    ],
    [
      'a native call',
      { nativeCall: 'libsum.so get_sum', signal: 'SIGSEGV' },
      'died of signal SIGSEGV while calling libsum.so get_sum',
    ],
    [
      'an error and a native call with control characters',
      {
        error: { ...error, message: 'a\nb\u001b[2J' },
        nativeCall: 'x\n\u009b',
        code: 1,
      },
      'failed: a\nb\\u001b[2J while calling x\\n\\u009b',
    ],
  ])('%s', (_title, given, text) => {
    expect(makeDeath(given)).toMatchObject({ what: text, reason: `worker process greet#1 (pid 42) ${text}` });
  });
});

describe('deathError', () => {
  it('has the last words of a process that could not say what was wrong', () => {
    const made = deathError(makeDeath({ code: 1, stderrTail: 'SyntaxError: bad' }));
    expect(made).toMatchObject({
      code: 'PROCESS_FAILED',
      message: 'worker process greet#1 (pid 42) exited with code 1\nSyntaxError: bad',
      details: { pid: 42, exitCode: 1, signal: null, stderr: 'SyntaxError: bad' },
    });
  });

  it('does not repeat what the process has said itself', () => {
    const made = deathError(makeDeath({ error, code: 1, stderrTail: 'Error: no database' }));
    const message = 'worker process greet#1 (pid 42) failed: no database';
    expect(made).toMatchObject({ message, cause: error });
  });

  test.each<[string, Partial<DeathFacts>, string]>([
    ['was not ready in time', killed('not-ready'), 'PROCESS_NOT_READY'],
    ['hung', killed('blocked'), 'PROCESS_HUNG'],
    ['was stopped by a signal', killed('stopped'), 'PROCESS_HUNG'],
    ['had a task that did not end', killed('execution-timeout'), 'PROCESS_HUNG'],
    ['was too large', killed('memory'), 'PROCESS_OUT_OF_MEMORY'],
    ['was killed for another reason', { killedFor: { text: 'x', isByTask: false } }, 'PROCESS_FAILED'],
    ['has used up its heap', { signal: 'SIGABRT', stderrTail: OOM }, 'PROCESS_OUT_OF_MEMORY'],
    [
      'was killed by the memory killer',
      { isByMemoryKiller: true, signal: 'SIGKILL', stderrTail: '' },
      'PROCESS_OUT_OF_MEMORY',
    ],
    ['died', { signal: 'SIGSEGV', stderrTail: '' }, 'PROCESS_FAILED'],
  ])('has the code of its cause: it %s', (_title, fields, code) => {
    expect(deathError(makeDeath(fields)).code).toBe(code);
  });
});

describe('isClean', () => {
  test.each<[string, Partial<DeathFacts>, boolean]>([
    ['it has left as it was asked to', {}, true],
    ['its results are on disk', { tasks: [makeLedgerTask('a', { state: 'stored' })] }, true],
    ['a result was in its memory only', { tasks: [makeLedgerTask('a', { state: 'kept' })] }, false],
    ['nobody asked it to leave', { hasLeft: false }, false],
    ['it ended with another code', { code: 1 }, false],
  ])('%s: %s', (_title, fields, isClean) => {
    expect(makeDeath({ hasLeft: true, code: 0, ...fields }).isClean).toBe(isClean);
  });
});
