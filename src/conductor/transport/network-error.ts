import { describeThrown, HttpError } from '../../core/errors.js';

/** What an error message tells of a request. */
interface Sent {
  readonly method: string;
  readonly path: string;
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; is the server running?',
  ENOTFOUND: 'the host name is unknown; is the server URL right?',
  EAI_AGAIN: 'the host name cannot be looked up at the moment',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ECONNRESET: 'the connection was closed before the answer was complete',
  EPIPE: 'the connection was closed before the request was sent',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the connection was closed before the answer was complete',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within the time limit',
  ETIMEDOUT: 'no connection within the time limit',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; give it as `tls.caPath`',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an unknown authority; give that one as `tls.caPath`',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate comes from an unknown authority; give that one as `tls.caPath`',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate comes from an unknown authority; give that one as `tls.caPath`',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS; should the server URL start with http://?',
  EPROTO: 'it does not speak TLS; should the server URL start with http://?',
};

/** The error for a request that got no answer. `cause` must hold neither headers nor body of the request. */
export function networkError(request: Sent, baseUrl: string, cause: unknown): HttpError {
  const code = errorCode(cause);
  const explanation = (code === undefined ? undefined : EXPLANATIONS[code]) ?? describeThrown(cause);
  const suffix = code === undefined ? '' : ` (${code})`;
  const message = `${request.method} ${request.path}: no answer from ${baseUrl}: ${explanation}${suffix}`;
  return new HttpError('HTTP_NETWORK', message, request, { cause, details: { reason: code } });
}

/** The error for a request whose time was over. */
export function timeoutError(
  request: Sent & { timeoutMs: number },
  baseUrl: string,
  wasSent: boolean,
): HttpError {
  const what = wasSent ? 'no complete answer' : 'no free connection';
  const message = `${request.method} ${request.path}: ${what} from ${baseUrl} within ${request.timeoutMs} ms`;
  return new HttpError('HTTP_TIMEOUT', message, request, { details: { timeoutMs: request.timeoutMs } });
}

function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
