import { describeThrown, stackOf, TuttiError } from '../core/errors.js';
import { readOrchestratorMessage } from '../protocol/message-check.js';
import {
  openEnvelope,
  type Envelope,
  type ErrorReport,
  type OrchestratorMessage,
  type WorkerMessage,
} from '../protocol/messages.js';

/** The worker process's end of the IPC channel. */
export class OrchestratorChannel {
  /** Kept, since code of workers may put something else in its place. */
  readonly #send = process.send?.bind(process);

  /** Sends without waiting. False when the channel is gone: the process learns of it by `onGone` as well. */
  send(message: WorkerMessage): boolean {
    return this.#post(message, () => undefined);
  }

  /** Resolves when the message is written to the channel: then it arrives, whatever happens to this process. */
  written(message: WorkerMessage): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#post(message, resolve)) resolve();
    });
  }

  /** @param onProblem - called with what is wrong with a message that is in an envelope of ours, but is none of ours */
  onMessage(listener: (message: OrchestratorMessage) => void, onProblem: (problem: string) => void): void {
    process.on('message', (received) => {
      const content = openEnvelope(received);
      if (content === undefined) return;
      const read = readOrchestratorMessage(content);
      if ('problem' in read) onProblem(read.problem);
      else listener(read.message);
    });
  }

  /** The orchestrator is gone. */
  onGone(listener: () => void): void {
    if (process.connected) process.once('disconnect', listener);
    else queueMicrotask(listener);
  }

  #post(message: WorkerMessage, onWritten: () => void): boolean {
    if (!process.connected || this.#send === undefined) return false;
    const envelope: Envelope<WorkerMessage> = { tutti: message };
    this.#send(envelope, undefined, undefined, () => onWritten());
    return true;
  }
}

export function errorReport(thrown: unknown): ErrorReport {
  return {
    name: nameOf(thrown).slice(0, MAX_NAME_LENGTH),
    message: describeThrown(thrown),
    stack: stackOf(thrown),
    code: codeOf(thrown),
    ...problemsOf(thrown),
  };
}

const MAX_NAME_LENGTH = 200;
const MAX_PROBLEMS = 100;

function codeOf(thrown: unknown): string | undefined {
  // An error of another copy of the package, or one that only looks like it.
  const code: unknown = TuttiError.is(thrown) ? thrown.code : undefined;
  return typeof code === 'string' ? code.slice(0, MAX_NAME_LENGTH) : undefined;
}

function problemsOf(thrown: unknown): Pick<ErrorReport, 'problems'> {
  const problems = TuttiError.is(thrown) ? thrown.details['problems'] : undefined;
  const areTexts = Array.isArray(problems) && problems.every((one) => typeof one === 'string');
  return areTexts && problems.length > 0
    ? { problems: problems.slice(0, MAX_PROBLEMS).map(describeThrown) }
    : {};
}

/** Whatever was thrown, this can be sent. */
function nameOf(thrown: unknown): string {
  try {
    const name: unknown = thrown instanceof Error ? thrown.name : typeof thrown;
    return typeof name === 'string' ? name : 'Error';
  } catch {
    return typeof thrown; // a proxy or getter that throws
  }
}
