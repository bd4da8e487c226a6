import { HttpError } from '../../core/errors.js';
import type { TransportResponse } from './transport.js';

/** What the messages need to know of a request. */
interface Asked {
  readonly method: string;
  readonly path: string;
}

const LIMIT = 500;
/** So many validation errors are shown. */
const MAX_LISTED = 20;
/** Where a page has its title, if it has one: its beginning, in characters. */
const HTML_HEAD_LENGTH = 4_096;
/** However long a server, or what stands in its place, wants to be left alone: then it is asked again. */
const MAX_RETRY_AFTER_MS = 10 * 60_000;

/**
 * The error for an answer with a status that is not 2xx. `details.serverMessage` is the server's own text.
 *
 * @param hint - the way out, where the caller knows one
 * @param redact - takes credentials out of what the server wrote
 */
export function statusError(
  request: Asked,
  response: TransportResponse,
  hint = '',
  redact: (text: string) => string = (text) => text,
): HttpError {
  const { status } = response;
  const serverMessage = describeAnswer(response, redact);
  const message = `${request.method} ${request.path}: the server answered ${status}`;
  return new HttpError(
    status === 401 || status === 403 ? 'HTTP_AUTH' : 'HTTP_STATUS',
    [serverMessage === undefined ? message : `${message}: ${serverMessage}`, hint]
      .filter((part) => part !== '')
      .join('; '),
    {
      method: request.method,
      path: request.path,
      status,
      retryAfterMs: parseRetryAfter(response.headers['retry-after'], clockOf(response)),
    },
    { details: { serverMessage } },
  );
}

/** The error for a 2xx answer whose body is not what it should be. */
export function bodyError(
  request: Asked,
  response: TransportResponse,
  problem: string,
  cause?: unknown,
  details?: Readonly<Record<string, unknown>>,
): HttpError {
  const hint = isHtml(response) ? '; is the server URL the address of the API? It usually ends in /api' : '';
  return new HttpError(
    'HTTP_BODY',
    `${request.method} ${request.path}: the server answered ${response.status} with ${problem}${hint}`,
    { ...request, status: response.status },
    { cause, ...(details === undefined ? {} : { details }) },
  );
}

export function isHtml(response: TransportResponse): boolean {
  return (
    contentType(response).includes('text/html') ||
    /^\s*<(!doctype|html|head|body)[\s>]/i.test(response.body.slice(0, 200))
  );
}

/**
 * The answer in one line: the message of a JSON error body, the title of a page, or the text itself.
 *
 * @param redact - takes credentials out of what the server wrote
 */
export function describeAnswer(
  response: TransportResponse,
  redact: (text: string) => string = (text) => text,
): string | undefined {
  // Before anything is cut or joined, as half a secret is not recognised; and after escapes were undone.
  const described = describe({ ...response, body: redact(response.body) });
  return described === undefined ? undefined : redact(described);
}

function describe(response: TransportResponse): string | undefined {
  if (response.status >= 300 && response.status < 400) return describeRedirect(response);
  if (isHtml(response)) return `HTML: ${oneLine(htmlTitle(response.body))}`;
  if (response.body.trim() === '') return undefined;
  return oneLine(messageOf(response.body) ?? response.body);
}

/** `Retry-After` in milliseconds, 10 minutes at most: seconds or a date; undefined when absent or not readable. */
export function parseRetryAfter(
  header: string | string[] | undefined,
  now: number = Date.now(),
): number | undefined {
  const value = (Array.isArray(header) ? header[0] : header)?.trim();
  if (value === undefined || value === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return bounded(Math.round(Number(value) * 1000));
  // Date.parse takes things like "-5" as well; an HTTP date starts with the day of the week.
  const date = /^[a-z]{3,9},? /i.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(date) ? undefined : bounded(date - now);
}

function bounded(ms: number): number {
  return Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
}

/** The server's time, for dates that it names; this machine's where it tells none. */
function clockOf({ headers }: TransportResponse): number {
  const date = Date.parse(String(headers['date']));
  return Number.isNaN(date) ? Date.now() : date;
}

function messageOf(body: string): string | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof parsed === 'string') return parsed;
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { message, error, validationErrors } = parsed as Record<string, unknown>;
  const main = [message, error].find((text): text is string => typeof text === 'string' && text !== '');
  if (!Array.isArray(validationErrors) || validationErrors.length === 0) return main;
  const list = validationErrors
    .slice(0, MAX_LISTED)
    .map(
      (entry: { path?: unknown; message?: unknown } | null) =>
        `${textOr(entry?.path, '?')}: ${textOr(entry?.message, '?')}`,
    );
  return `${main ?? 'validation failed'} ${list.join(', ')}`;
}

/** Anything but a text may throw when it is written as one. */
function textOr(value: unknown, other: string): string {
  return typeof value === 'string' ? value : other;
}

function describeRedirect(response: TransportResponse): string {
  const location = [response.headers['location']].flat()[0];
  const target =
    location === undefined ? 'elsewhere' : location.replace(/[?#].*$/s, '').replace(/\/\/[^/]*@/, '//');
  return `a redirect to ${oneLine(target)}, which is not followed; use that address as the server URL`;
}

function htmlTitle(body: string): string {
  const title = /<title[^>]*>([^<]*)/i.exec(body.slice(0, HTML_HEAD_LENGTH))?.[1]?.trim();
  return title === undefined || title === '' ? 'a page without a title' : title;
}

function contentType(response: TransportResponse): string {
  return String(response.headers['content-type'] ?? '').toLowerCase();
}

function oneLine(text: string): string {
  const line = text
    .slice(0, LIMIT * 4)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return line.length > LIMIT ? `${line.slice(0, LIMIT)}…` : line;
}
