/** One HTTP request below the server's base address. */
export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the base address, starting with `/`, query included: `/tasks/poll/batch/greet?count=1`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Already serialised. */
  readonly body?: string;
  /** For the whole exchange, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Long polls have connections of their own, so that they never delay an update. @defaultValue 'request' */
  readonly lane?: 'poll' | 'request';
  /**
   * The server takes the same request twice like once: it may be sent again when a kept-alive connection turns
   * out to be closed. @defaultValue true for all methods but POST
   */
  readonly idempotent?: boolean;
}

export interface TransportResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/**
 * Answers above this are given up, so that a server, or what stands in its place, cannot use up the memory of a worker. A
 * hundred tasks with the largest input that Conductor allows inline (3 MB by default) stay below.
 */
export const MAX_ANSWER_BYTES = 384 * 1024 * 1024;

/**
 * The port to the network. An answer with any status is a response; no answer is an `HttpError` with code
 * `HTTP_NETWORK` or `HTTP_TIMEOUT`, an abort rejects with the signal's reason.
 */
export abstract class Transport {
  abstract request(request: TransportRequest): Promise<TransportResponse>;
  /** Closes idle connections, waits for requests under way. */
  abstract close(): Promise<void>;
}
