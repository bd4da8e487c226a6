/** What a handler answers. */
export interface Reply {
  readonly status: number;
  readonly contentType?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** There is no answer: the connection is cut. */
  readonly isDropped?: boolean;
  /** Called when the answer did not reach the client. */
  readonly onLost?: () => void;
}

export function json(value: unknown, status = 200): Reply {
  return { status, contentType: 'application/json', body: JSON.stringify(value) };
}

/** A bare string: ids are not quoted. */
export function text(value: string): Reply {
  return { status: 200, contentType: 'text/plain;charset=UTF-8', body: value };
}

/** 200 without a body: what the real server's void methods answer. */
export const EMPTY: Reply = { status: 200 };
export const NO_CONTENT: Reply = { status: 204 };
export const DROPPED: Reply = { status: 0, isDropped: true };
