import { ConfigurationError, TuttiError } from '../../core/errors.js';
import { countedInARow } from '../../core/words.js';
import { EXIT_CODES } from '../../protocol/exit-codes.js';
import type { StartMistakes } from '../processes/cause-of-death.js';

/** A replica whose process did not get ready. */
export interface StartFailure {
  readonly replica: string;
  readonly error: TuttiError;
}

/** Names of replicas that are listed beside a mistake. */
const MOST_REPLICAS = 3;
/** Lines of stacks in the message, of one mistake and of all. */
const MOST_LINES = 8;
const MOST_LINES_OF_ALL = 24;

/** One error with the reasons of all processes that did not get ready: a line for each mistake, stacks below. */
export function startupError(failures: readonly StartFailure[]): TuttiError {
  const errors = failures.map(({ error }) => error);
  const isConfiguration = errors.every((error) => error.details['exitCode'] === EXIT_CODES.configuration);
  const mistakes = new Map<string, string[]>();
  const traces = new Map<string, string[]>();
  let isOfMainFile = false;
  for (const { replica, error } of failures) {
    const found = mistakesOf(error);
    for (const text of found.mistakes) mistakes.set(text, [...(mistakes.get(text) ?? []), replica]);
    if (found.trace !== '') traces.set(found.trace, [...(traces.get(found.trace) ?? []), replica]);
    isOfMainFile ||= found.isOfMainFile;
  }
  const reasons = [...mistakes].map(([text, replicas]) => `${namesOf(replicas)}: ${text}`);
  const processes = failures.length === 1 ? 'process' : 'processes';
  const message = [
    `${failures.length} worker ${processes} did not get ready:`,
    ...reasons.map((reason) => `- ${reason}`),
    ...(isOfMainFile ? ['', MAIN_FILE_HINT] : []),
    ...limited(
      [...traces].flatMap(([trace, replicas]) => ['', `${namesOf(replicas)}:`, ...shortened(trace)]),
    ),
  ].join('\n');
  const options = { cause: together(errors, 'the reasons'), details: { reasons } };
  return isConfiguration
    ? new ConfigurationError('STARTUP_FAILED', message, options)
    : new TuttiError('STARTUP_FAILED', message, options);
}

const MAIN_FILE_HINT =
  'Worker processes run the main file too, up to bootstrap(). Move what only the main process should do (listening on a ' +
  'port, for example) below bootstrap(), or guard it: if (!isWorkerProcess()) { … }';

/** An error without them is not one of a process that has died. */
function mistakesOf({ message, details }: TuttiError): StartMistakes {
  return Array.isArray(details['mistakes'])
    ? (details as unknown as StartMistakes)
    : { mistakes: [message], trace: '', isOfMainFile: false };
}

function namesOf(replicas: readonly string[]): string {
  const names = [...new Set(replicas)];
  const rest = names.length - MOST_REPLICAS;
  return names.slice(0, MOST_REPLICAS).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function shortened(trace: string): string[] {
  const lines = trace.split('\n');
  return lines.length <= MOST_LINES ? lines : [...lines.slice(0, MOST_LINES - 1), '    …'];
}

function limited(lines: string[]): string[] {
  return lines.length <= MOST_LINES_OF_ALL ? lines : [...lines.slice(0, MOST_LINES_OF_ALL), '…'];
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

/** The error of a replica that is not started any more. */
export function tooManyDeathsError(name: string, deaths: number, last: TuttiError): TuttiError {
  const message = `${name} is given up after ${countedInARow(deaths, 'death')}; the last: ${last.message}`;
  return new TuttiError('PROCESS_GIVEN_UP', message, { cause: last, details: { replica: name, deaths } });
}
