import { isIP } from 'node:net';
import type { JsonObject } from '../../../conductor/wire/types.js';
import type { TaskModel } from '../../model/models.js';
import type { Engine } from '../engine.js';
import { withSecrets } from '../references.js';

/** Where HTTP tasks may go: this machine only, anywhere, or to these hosts (and this machine). */
export type HttpTargets = 'loopback' | 'any' | readonly string[];

const DEFAULT_TIMEOUT_MS = 3000;
const MAX_REDIRECTS = 5;
const CREDENTIALS = ['authorization', 'proxy-authorization', 'cookie'] as const;
const MAX_ANSWER_BYTES = 10 * 1024 * 1024;

/** HTTP: sends a request and has its answer as output. */
export function httpTask(targets: HttpTargets) {
  return async (task: TaskModel, engine: Engine, signal: AbortSignal): Promise<void> => {
    const input = withSecrets(task.inputData, engine.secrets);
    const request = isMap(input['http_request']) ? input['http_request'] : input;
    const started = { startTime: task.startTime === 0 ? engine.clock.now() : task.startTime };
    const fail = (reasonForIncompletion: string, response?: unknown): void =>
      engine.endTask(task.taskId, {
        ...started,
        status: 'FAILED',
        reasonForIncompletion,
        outputData: { ...task.outputData, ...(response === undefined ? {} : { response }) },
      });
    if (typeof request['uri'] !== 'string') {
      return fail('Missing HTTP URI.  See documentation for HttpTask for required input parameters');
    }
    if (typeof request['method'] !== 'string') return fail('No HTTP method specified');
    // After a crash the task has the same id again, which a service may know as the key of what it has done already. A file
    // that cannot be written is reported by the store.
    await engine.store.durable().catch(() => undefined);
    try {
      const answer = await send(request, targets, signal);
      const isGood = answer.statusCode >= 200 && answer.statusCode < 300;
      if (!isGood) return fail(textOf(answer.body), answer);
      const isOpen = task.workflowTask.asyncComplete || input['asyncComplete'] === true;
      engine.endTask(task.taskId, {
        ...started,
        status: isOpen ? 'IN_PROGRESS' : 'COMPLETED',
        outputData: { ...task.outputData, response: answer },
      });
    } catch (error) {
      const text = describe(error);
      fail(`Failed to invoke HTTP task due to: ${text}`, text);
    }
  };
}

interface Answer {
  readonly headers: Record<string, string[]>;
  readonly statusCode: number;
  readonly reasonPhrase: string;
  readonly body: unknown;
}

async function send(request: JsonObject, targets: HttpTargets, cancelled: AbortSignal): Promise<Answer> {
  const method = String(request['method']).toUpperCase();
  const accept = request['accept'];
  const headers = new Headers({
    'content-type': textOf(request['contentType'] ?? 'application/json'),
    accept: Array.isArray(accept) ? accept.map(textOf).join(', ') : textOf(accept ?? 'application/json'),
  });
  for (const [name, value] of Object.entries(isMap(request['headers']) ? request['headers'] : {})) {
    if (value !== null && value !== undefined) headers.set(name, textOf(value));
  }
  const { body } = request;
  const hasBody = body !== undefined && body !== null && method !== 'GET' && method !== 'HEAD';
  const timeoutMs = limitOf(request['connectionTimeOut']) + limitOf(request['readTimeOut']);
  const signal = AbortSignal.any([cancelled, AbortSignal.timeout(timeoutMs)]);
  let url = new URL(String(request['uri']));
  for (let hops = 0; ; hops++) {
    refuseForeign(url, targets);
    const response = await fetch(url, {
      method,
      headers,
      redirect: 'manual',
      signal,
      ...(hasBody ? { body: typeof body === 'string' ? body : JSON.stringify(body) } : {}),
    });
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null && method === 'GET') {
      if (hops >= MAX_REDIRECTS) throw new Error(`more than ${MAX_REDIRECTS} redirects`);
      await response.body?.cancel();
      const next = new URL(location, url);
      // What is meant for one host is not for another that it names.
      if (next.origin !== url.origin) for (const name of CREDENTIALS) headers.delete(name);
      url = next;
      continue;
    }
    return {
      headers: headersOf(response),
      statusCode: response.status,
      reasonPhrase: response.statusText,
      body: parse(await readText(response)),
    };
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    const buffer = Buffer.from(chunk as Uint8Array);
    bytes += buffer.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Requests to other machines have to be allowed: whoever reaches this server could use it to reach others. */
function refuseForeign(url: URL, targets: HttpTargets): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(`the protocol ${url.protocol} is not supported`);
  }
  if (targets === 'any') return;
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const isLoopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  if (isLoopback || (targets !== 'loopback' && targets.includes(host))) return;
  throw new Error(
    `${host} is not this machine; allow it with embeddedServer({ httpTargets: ['${host}'] }), or 'any' for all`,
  );
}

function headersOf(response: Response): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  response.headers.forEach((value, name) => {
    headers[name] = [value];
  });
  return headers;
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' || typeof value === 'number' ? value : String(value);
  } catch {
    return text;
  }
}

function limitOf(value: unknown): number {
  const ms = Number(value ?? DEFAULT_TIMEOUT_MS);
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, 0x3fffffff) : DEFAULT_TIMEOUT_MS;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return 'No response from the remote service';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function isMap(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
