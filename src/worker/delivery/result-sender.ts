import { backoffDelay, type BackoffOptions } from '../../core/backoff.js';
import { describeThrown, HttpError, TuttiError } from '../../core/errors.js';
import type { TaskClient } from '../../conductor/clients/task-client.js';
import { TaskResultStatus, type TaskResultBody } from '../../conductor/wire/task-result.js';
import type { Task } from '../../conductor/wire/types.js';
import { findUnserialisable } from '../execution/unserialisable.js';

const RETRY: BackoffOptions = { initialMs: 100, maxMs: 10_000 };
const AUTH_RETRY: BackoffOptions = { initialMs: 1_000, maxMs: 60_000 };

/**
 * Answers about the result itself. Every other status speaks of the way to the server: a page in its place (405), a proxy
 * without credentials (407), one that gave up (499).
 */
const ABOUT_THE_RESULT: readonly (number | undefined)[] = [400, 409, 413, 415, 422];

/** What to do about a failed update. */
export type DeliveryVerdict = 'retry' | 'retry-auth' | 'refused' | 'unknown-task';

/** Sorts the failures of an update: which may pass, and which cannot get better. */
export function deliveryVerdict(error: unknown): DeliveryVerdict {
  if (!(error instanceof HttpError)) return 'refused';
  if (error.code === 'HTTP_AUTH') return 'retry-auth';
  // HTML or cut-off JSON with status 200: a proxy or load balancer speaks in place of the server.
  if (error.code === 'HTTP_BODY' || error.isRetryable) return 'retry';
  if (error.status !== 404) return ABOUT_THE_RESULT.includes(error.status) ? 'refused' : 'retry';
  // A 404 that does not speak of the task comes from something between: an ingress whose server is just starting, say.
  return /no such (task|workflow)|task not found/i.test(error.message) ? 'unknown-task' : 'retry';
}

/** Milliseconds before the next try, after so many failed ones. `Retry-After` is obeyed. */
export function retryDelay(error: unknown, failures: number): number {
  const asked = error instanceof HttpError ? (error.retryAfterMs ?? 0) : 0;
  const options = deliveryVerdict(error) === 'retry-auth' ? AUTH_RETRY : RETRY;
  return Math.max(asked, backoffDelay(failures, options));
}

/** How one try to bring a result to the server ended. */
export type SendOutcome =
  /** `body` is what the server took: the result, or the failure in its place. */
  | { readonly kind: 'accepted'; readonly body: TaskResultBody; readonly next: Task | undefined }
  /** May succeed later. `body` is what has to be sent then. */
  | { readonly kind: 'retry'; readonly body: TaskResultBody; readonly error: unknown }
  /** Will never succeed. */
  | { readonly kind: 'refused'; readonly error: unknown };

/**
 * Called with a result whose payload is lost, so that it can be logged; `path`: where its output cannot be written as
 * JSON, when that is why.
 */
export type OnPayloadLost = (result: TaskResultBody, error: unknown, path: string | undefined) => void;

/**
 * One try to bring a result to the server. A result that the server can never take is replaced, in the same try, by a
 * failure without payload, so that its task does not hang until its lease ends.
 *
 * @param chain - also ask for the next task of the same type
 */
export async function sendResult(
  client: Pick<TaskClient, 'update' | 'updateAndPoll'>,
  result: TaskResultBody,
  chain: boolean,
  onPayloadLost: OnPayloadLost,
): Promise<SendOutcome> {
  let body = result;
  for (;;) {
    try {
      if (chain) return { kind: 'accepted', body, next: await client.updateAndPoll(body) };
      await client.update(body);
      return { kind: 'accepted', body, next: undefined };
    } catch (error) {
      const verdict = deliveryVerdict(error);
      if (verdict === 'retry' || verdict === 'retry-auth') return { kind: 'retry', body, error };
      if (verdict === 'unknown-task' || body !== result) return { kind: 'refused', error };
      const path =
        error instanceof HttpError || isTooLarge(error)
          ? undefined
          : findUnserialisable(result.outputData, 'outputData');
      onPayloadLost(result, error, path);
      body = substitute(result, error, path);
    }
  }
}

/** Nothing was sent: there is more than can be. */
export function isTooLarge(error: unknown): boolean {
  return TuttiError.is(error, 'PAYLOAD_TOO_LARGE');
}

function substitute(result: TaskResultBody, error: unknown, path: string | undefined): TaskResultBody {
  const unsent = isTooLarge(error) ? 'the result is too large' : 'the result cannot be sent';
  const what = error instanceof HttpError ? 'the server refused the result' : unsent;
  const reason =
    path === undefined
      ? `${what} (${result.status}): ${describeThrown(error)}`
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
