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
  /** Largest answer in bytes, as it comes and decompressed. @defaultValue `ANSWER_LIMITS.other` */
  readonly maxAnswerBytes?: number;
}

export interface TransportResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/**
 * The port to the network. An answer with any status is a response; no answer is an `HttpError` with code
 * `HTTP_NETWORK` or `HTTP_TIMEOUT`, an abort rejects with the signal's reason. A 2xx answer that is too large or cannot be
 * decompressed is an `HttpError` with code `HTTP_BODY`; with any other status it is a response without a body.
 */
export abstract class Transport {
  abstract request(request: TransportRequest): Promise<TransportResponse>;
  /** Closes idle connections, waits for requests under way. */
  abstract close(): Promise<void>;
}
