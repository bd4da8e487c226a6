/** One broken rule, as the real server reports it. */
export interface ValidationError {
  readonly path: string;
  readonly message: string;
  readonly invalidValue?: string;
}

/**
 * What a request is refused with. It never leaves the server: the HTTP layer turns it into status and error body.
 * The status is the one that the real server gives, which is 500 for much that others answer with 400.
 */
export class ApiError extends Error {
  readonly status: number;
  readonly validationErrors: readonly ValidationError[] | undefined;
  /** By which clients tell one reason from another, where the status is not enough. */
  readonly code: string | undefined;

  constructor(status: number, message: string, validationErrors?: readonly ValidationError[], code?: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.validationErrors = validationErrors;
    this.code = code;
  }
}

export function notFound(message: string): ApiError {
  return new ApiError(404, message);
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, message);
}

export function conflict(message: string): ApiError {
  return new ApiError(409, message);
}

/** Where the real server fails with an exception that it does not map. */
export function internal(message: string): ApiError {
  return new ApiError(500, message);
}

/** Something that the real server has and this one does not support. */
export function notSupported(what: string): ApiError {
  return new ApiError(
    501,
    `${what} is not supported by the embedded server; use a real Conductor server for it.`,
  );
}

/** @throws ApiError 400 with all `errors`, when there are any */
export function throwInvalid(errors: readonly ValidationError[]): void {
  if (errors.length > 0) throw new ApiError(400, 'Validation failed, check below errors for detail.', errors);
}
