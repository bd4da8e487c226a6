import { backoffDelay, type BackoffOptions } from '../core/backoff.js';
import { describeThrown, HttpError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { sleep } from '../core/sleep.js';
import type { TaskClient } from '../conductor/task-client.js';
import { TaskResultStatus, type TaskResultBody } from '../conductor/task-result.js';
import type { Task } from '../conductor/types.js';
import { findUnserialisable } from './unserialisable.js';
import type { TaskEnd } from './task-reporter.js';

const RETRY: BackoffOptions = { initialMs: 100, maxMs: 10_000 };
const AUTH_RETRY: BackoffOptions = { initialMs: 1_000, maxMs: 60_000 };
/** How much of a payload that is lost goes into the log, in characters. */
const LOGGED_PAYLOAD_LENGTH = 10_000;

/** What became of a result. */
export interface Delivered {
  readonly end: TaskEnd;
  /** The next task, already in progress on the server, when it was asked for and there was one. */
  readonly next: Task | undefined;
}

/** What to do about a failed update. */
export type DeliveryVerdict = 'retry' | 'retry-auth' | 'refused' | 'unknown-task';

/** Sorts the failures of an update: which may pass, and which cannot get better. */
export function deliveryVerdict(error: unknown): DeliveryVerdict {
  if (!(error instanceof HttpError)) return 'refused';
  if (error.code === 'HTTP_AUTH') return 'retry-auth';
  // HTML or cut-off JSON with status 200: a proxy or load balancer speaks in place of the server.
  if (error.code === 'HTTP_BODY' || error.isRetryable) return 'retry';
  return error.status === 404 && error.message.includes('No such task') ? 'unknown-task' : 'refused';
}

/**
 * Brings results to the server: again and again while it cannot take them, with back-off, and a failure in their
 * place when it never will. The slot of the task stays taken meanwhile.
 */
export class Delivery {
  readonly #client: TaskClient;
  readonly #logger: Logger;

  constructor(client: TaskClient, logger: Logger) {
    this.#client = client;
    this.#logger = logger;
  }

  /** @param chain - also ask for the next task of the same type. Never rejects. */
  async deliver(result: TaskResultBody, chain: boolean): Promise<Delivered> {
    let body = result;
    for (let failures = 0; ;) {
      try {
        const next = await this.#send(body, chain);
        if (failures > 0)
          this.#logger.info('the server took the result', { taskId: body.taskId, tries: failures + 1 });
        return { end: body.status, next };
      } catch (error) {
        failures++;
        const verdict = deliveryVerdict(error);
        if (verdict === 'unknown-task' || (verdict === 'refused' && body !== result)) {
          this.#logger.error(
            'the server does not take the result of a task; it is lost',
            lost(result, error),
          );
          return { end: 'REFUSED', next: undefined };
        }
        if (verdict === 'refused') {
          this.#logger.error('the server refuses a result; the task is failed instead', lost(result, error));
          body = substitute(result, error);
        } else {
          await this.#waitBeforeRetry(body, error, failures, verdict);
        }
      }
    }
  }

  /** Gives a task back whose code has not begun: the server hands it out again at once. */
  async handBack(task: Task, workerId: string): Promise<Delivered> {
    const { end } = await this.deliver(
      {
        taskId: task.taskId,
        workflowInstanceId: task.workflowInstanceId,
        workerId,
        status: TaskResultStatus.IN_PROGRESS,
        callbackAfterSeconds: 0,
        // An update replaces the output: what an earlier poll of this attempt has put there must stay.
        outputData: task.outputData ?? {},
      },
      false,
    );
    return { end: end === 'REFUSED' ? end : 'HANDED_BACK', next: undefined };
  }

  async #send(body: TaskResultBody, chain: boolean): Promise<Task | undefined> {
    if (chain) return await this.#client.updateAndPoll(body);
    await this.#client.update(body);
    return undefined;
  }

  async #waitBeforeRetry(
    body: TaskResultBody,
    error: unknown,
    failures: number,
    verdict: 'retry' | 'retry-auth',
  ): Promise<void> {
    const asked = error instanceof HttpError ? (error.retryAfterMs ?? 0) : 0;
    const delayMs = Math.max(asked, backoffDelay(failures, verdict === 'retry-auth' ? AUTH_RETRY : RETRY));
    this.#logger.warn('the server did not take a result; trying again', {
      taskId: body.taskId,
      error: describeThrown(error),
      tries: failures,
      delayMs,
    });
    await sleep(delayMs);
  }
}

/** A result without payload for a task whose real result can never be accepted, so that it does not hang. */
function substitute(result: TaskResultBody, error: unknown): TaskResultBody {
  const path = error instanceof HttpError ? undefined : findUnserialisable(result.outputData, 'outputData');
  const reason =
    path === undefined
      ? `the server refused the result (${result.status}): ${describeThrown(error)}`
      : `the output cannot be written as JSON: ${path}`;
  return {
    taskId: result.taskId,
    workflowInstanceId: result.workflowInstanceId,
    ...(result.workerId === undefined ? {} : { workerId: result.workerId }),
    status: TaskResultStatus.FAILED_WITH_TERMINAL_ERROR,
    reasonForIncompletion: reason,
    outputData: {},
  };
}

function lost(result: TaskResultBody, error: unknown): Record<string, unknown> {
  return {
    taskId: result.taskId,
    status: result.status,
    error: describeThrown(error),
    payload: payloadOf(result),
  };
}

function payloadOf(result: TaskResultBody): string {
  try {
    return JSON.stringify(result.outputData ?? {}).slice(0, LOGGED_PAYLOAD_LENGTH);
  } catch {
    return '(cannot be written as JSON)';
  }
}
