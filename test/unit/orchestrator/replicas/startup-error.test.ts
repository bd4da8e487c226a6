import { describe, expect, it } from 'vitest';
import { ConfigurationError, TuttiError } from '../../../../src/core/errors.js';
import { startupError, type StartFailure } from '../../../../src/orchestrator/replicas/startup-error.js';

interface Death {
  readonly mistakes: readonly string[];
  readonly trace?: string;
  readonly isOfMainFile?: boolean;
  readonly exitCode?: number;
}

/** A process that has died while it started. */
function failure(
  replica: string,
  { mistakes, trace = '', isOfMainFile = false, exitCode = 1 }: Death,
): StartFailure {
  const details = { exitCode, mistakes, trace, isOfMainFile };
  return { replica, error: new TuttiError('PROCESS_FAILED', `${replica} died`, { details }) };
}

function frames(name: string, count: number): string {
  return Array.from({ length: count }, (_, line) => `    at ${name} (main.js:${line})`).join('\n');
}

function linesOf(...failures: StartFailure[]): string[] {
  return startupError(failures).message.split('\n');
}

describe('the error of a start', () => {
  it('has a line for each mistake, and the stacks below', () => {
    const lines = linesOf(
      failure('a#1', { mistakes: ['no database', 'no cache'], trace: frames('openA', 2) }),
      failure('b#1', { mistakes: ['no printer'], trace: frames('openB', 1) }),
    );
    expect(lines).toEqual([
      '2 worker processes did not get ready:',
      '- a#1: no database',
      '- a#1: no cache',
      '- b#1: no printer',
      '',
      'a#1:',
      '    at openA (main.js:0)',
      '    at openA (main.js:1)',
      '',
      'b#1:',
      '    at openB (main.js:0)',
    ]);
  });

  it('has a mistake and a stack that several processes share only once, with the names of three', () => {
    const shared = { mistakes: ['no database'], trace: frames('open', 1) };
    const lines = linesOf(...['a#1', 'a#2', 'b#1', 'c#1', 'd#1'].map((name) => failure(name, shared)));
    expect(lines).toEqual([
      '5 worker processes did not get ready:',
      '- a#1, a#2, b#1 and 2 more: no database',
      '',
      'a#1, a#2, b#1 and 2 more:',
      '    at open (main.js:0)',
    ]);
  });

  it('shows 8 lines of a stack, the last one for what is left out', () => {
    const whole = linesOf(failure('a#1', { mistakes: ['no database'], trace: frames('open', 8) }));
    expect(whole.slice(4)).toEqual(frames('open', 8).split('\n'));
    const cut = linesOf(failure('a#1', { mistakes: ['no database'], trace: frames('open', 9) }));
    expect(cut.slice(4)).toEqual([...frames('open', 7).split('\n'), '    …']);
  });

  it('shows 24 lines of all stacks, so that three mistakes fit on a screen', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const lines = linesOf(
      ...names.map((name) => failure(`${name}#1`, { mistakes: [`no ${name}`], trace: frames(name, 50) })),
    );
    // No mistake is left out, only stacks.
    expect(lines.slice(0, 7)).toEqual([
      '6 worker processes did not get ready:',
      ...names.map((name) => `- ${name}#1: no ${name}`),
    ]);
    expect(lines.slice(7)).toHaveLength(25);
    expect(lines.slice(-5)).toEqual(['', 'c#1:', '    at c (main.js:0)', '    at c (main.js:1)', '…']);
  });

  it('says once what to do about a main file that fails in worker processes', () => {
    const ofMainFile = { mistakes: ['exited with code 0'], isOfMainFile: true };
    const lines = linesOf(failure('a#1', ofMainFile), failure('b#1', ofMainFile));
    expect(lines.filter((line) => line.includes('Worker processes run the main file too'))).toHaveLength(1);
  });

  it('has the message of an error that is not of a process', () => {
    const error = new TuttiError('PROCESS_NOT_READY', 'it could not be started');
    expect(linesOf({ replica: 'a#1', error })).toEqual([
      '1 worker process did not get ready:',
      '- a#1: it could not be started',
    ]);
  });

  it('is one of the configuration only when every process says so', () => {
    const wrong = failure('a#1', { mistakes: ['unbound'], exitCode: 78 });
    const unlucky = failure('b#1', { mistakes: ['no database'] });
    expect(startupError([wrong])).toBeInstanceOf(ConfigurationError);
    expect(startupError([wrong, unlucky])).not.toBeInstanceOf(ConfigurationError);
    expect(startupError([wrong]).cause).toBe(wrong.error);
    expect(startupError([wrong, unlucky]).cause).toMatchObject({ errors: [wrong.error, unlucky.error] });
    expect(startupError([wrong, unlucky]).details['reasons']).toEqual(['a#1: unbound', 'b#1: no database']);
  });
});
