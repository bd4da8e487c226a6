import type { TaskResultBody } from '../wire/task-result.js';
import type { SearchResult, Task, TaskExecLog } from '../wire/types.js';

export interface PollRequest {
  readonly taskType: string;
  readonly workerId: string;
  readonly domain?: string | undefined;
  /** How many tasks at most. */
  readonly count: number;
  /** How long the server may wait, in milliseconds; 0 to 5000. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Ends a poll that waits for a token, which can bring nothing; without effect once it is on its way. */
  readonly unsentSignal?: AbortSignal;
}

/** What a poll brought. */
export interface PollAnswer {
  readonly tasks: Task[];
  /** The server notices when a long poll is dropped and gives its tasks to nobody else: it may be aborted. */
  readonly isAbortable: boolean;
}

/** The port to the task endpoints of a Conductor server: everything that a worker process needs. */
export abstract class TaskClient {
  /** `GET /tasks/poll/batch/{type}`. An entry without ids is left out of the answer and logged. */
  abstract poll(request: PollRequest): Promise<PollAnswer>;
  /** `POST /tasks`. */
  abstract update(result: TaskResultBody): Promise<void>;
  /**
   * `POST /tasks/update-v2`: reports the result and returns the next task of the same type, already in progress,
   * or `undefined`. On a server without this endpoint it falls back to {@link TaskClient.update}, and
   * {@link TaskClient.canChain} turns false.
   */
  abstract updateAndPoll(result: TaskResultBody): Promise<Task | undefined>;
  /** Whether the server is known or hoped to have update-v2. */
  abstract readonly canChain: boolean;
  /**
   * Tells the server that the task is still being worked on: its lease starts anew.
   *
   * @param timeoutMs - how long to wait for the answer; as for other requests when absent
   */
  abstract extendLease(task: Pick<Task, 'taskId' | 'workflowInstanceId'>, timeoutMs?: number): Promise<void>;
  abstract addLog(taskId: string, line: string): Promise<void>;
  abstract getLogs(taskId: string): Promise<TaskExecLog[]>;
  abstract getTask(taskId: string): Promise<Task>;
  /** `GET /tasks/search-v2`, e.g. `taskType='greet' AND status='IN_PROGRESS'`. */
  abstract search(query: string, options?: { start?: number; size?: number }): Promise<SearchResult<Task>>;
  abstract queueSizes(taskTypes: readonly string[]): Promise<Record<string, number>>;
  /**
   * Asks whether the server takes the access key, where there is one.
   *
   * @throws HttpError HTTP_AUTH when it does not; another one when it cannot be asked
   */
  checkAccess(): Promise<void> {
    return Promise.resolve();
  }
  abstract close(): Promise<void>;
}
