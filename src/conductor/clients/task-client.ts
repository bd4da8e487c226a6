import type { TaskResultBody } from '../wire/task-result.js';
import type { SearchResult, Task, TaskExecLog } from '../wire/types.js';

export interface PollRequest {
  readonly taskType: string;
  readonly workerId: string;
  readonly domain?: string | undefined;
  /** Maximum number of tasks. */
  readonly count: number;
  /** How long the server waits for tasks, in milliseconds; 0 to 5000. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Aborts a poll that is still waiting for a token; has no effect once the request was sent. */
  readonly unsentSignal?: AbortSignal;
}

/** The result of a poll. */
export interface PollAnswer {
  readonly tasks: Task[];
  /** Whether polls can be aborted: the server detects a dropped poll, and doesn't lose its tasks. */
  readonly isAbortable: boolean;
}

/** The task endpoints that a worker process needs. */
export abstract class TaskClient {
  /** `GET /tasks/poll/batch/{type}`. An entry without ids is skipped and logged. */
  abstract poll(request: PollRequest): Promise<PollAnswer>;
  /** `POST /tasks`. */
  abstract update(result: TaskResultBody): Promise<void>;
  /**
   * `POST /tasks/update-v2`: reports the result and returns the next task of the same type, already in progress,
   * or `undefined`. If the server doesn't have this endpoint, it falls back to {@link TaskClient.update}, and
   * {@link TaskClient.canChain} becomes false.
   */
  abstract updateAndPoll(result: TaskResultBody): Promise<Task | undefined>;
  /** True unless the server is known to lack update-v2. */
  abstract readonly canChain: boolean;
  /**
   * Extends the lease of a task: its `responseTimeoutSeconds` start again.
   *
   * @param timeoutMs - how long to wait for the response; default: as for other requests
   */
  abstract extendLease(task: Pick<Task, 'taskId' | 'workflowInstanceId'>, timeoutMs?: number): Promise<void>;
  abstract addLog(taskId: string, line: string): Promise<void>;
  abstract getLogs(taskId: string): Promise<TaskExecLog[]>;
  abstract getTask(taskId: string): Promise<Task>;
  /** `GET /tasks/search-v2`, e.g. `taskType='greet' AND status='IN_PROGRESS'`. */
  abstract search(query: string, options?: { start?: number; size?: number }): Promise<SearchResult<Task>>;
  abstract queueSizes(taskTypes: readonly string[]): Promise<Record<string, number>>;
  /**
   * Checks that the server accepts the access key, if there is one.
   *
   * @throws HttpError HTTP_AUTH if it doesn't; a different HttpError if the server is unreachable
   */
  checkAccess(): Promise<void> {
    return Promise.resolve();
  }
  abstract close(): Promise<void>;
}
