import { ConfigurationError, TuttiError } from '../core/errors.js';
import { countedInARow } from '../core/words.js';
import { EXIT_CODES } from './exit-codes.js';

/** One error with the reason of every process that did not get ready. */
export function startupError(failures: readonly TuttiError[]): TuttiError {
  const isConfiguration = failures.every(
    (failure) => failure.details['exitCode'] === EXIT_CODES.configuration,
  );
  const reasons = [...new Set(failures.map((failure) => failure.message))];
  const processes = failures.length === 1 ? 'process' : 'processes';
  const message = `${failures.length} worker ${processes} did not get ready:\n- ${reasons.join('\n- ')}`;
  const options = { cause: together(failures, 'the reasons'), details: { reasons } };
  return isConfiguration
    ? new ConfigurationError('STARTUP_FAILED', message, options)
    : new TuttiError('STARTUP_FAILED', message, options);
}

/** The error of an application that has lost all its workers. */
export function allGivenUpError(failures: readonly TuttiError[]): TuttiError {
  return new TuttiError('PROCESS_GIVEN_UP', 'every worker was given up; nothing is left to run', {
    cause: together(failures, 'every worker was given up'),
  });
}

function together(failures: readonly TuttiError[], message: string): unknown {
  return failures.length === 1 ? failures[0] : new AggregateError(failures, message);
}

/** The error of a slot that is not started any more. */
export function tooManyDeathsError(name: string, deaths: number, last: TuttiError): TuttiError {
  const message = `${name} is given up after ${countedInARow(deaths, 'death')}; the last: ${last.message}`;
  return new TuttiError('PROCESS_GIVEN_UP', message, { cause: last, details: { slot: name, deaths } });
}
