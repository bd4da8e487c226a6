import { ApiError, notFound } from '../model/api-error.js';
import type { Reply } from './reply.js';
import type { ApiRequest } from './request.js';

export type Handler = (request: ApiRequest) => Reply | Promise<Reply>;
/** `GET /tasks/{taskId}`. */
export type Route = readonly [method: string, pattern: string, handler: Handler];

interface Node {
  readonly literals: Map<string, Node>;
  parameter: Node | undefined;
  readonly routes: Map<string, { readonly handler: Handler; readonly names: readonly string[] }>;
}

interface Found {
  readonly node: Node;
  readonly values: readonly string[];
}

/** Finds the handler of a path. A literal part goes before a parameter in the same place. */
export class Router {
  readonly #root = newNode();

  constructor(routes: readonly Route[]) {
    for (const [method, pattern, handler] of routes) this.#add(method, pattern, handler);
  }

  /**
   * @param path - encoded, as it came
   * @throws ApiError 404 for an unknown path, 405 for a known one with another method
   */
  find(method: string, path: string): { handler: Handler; params: Record<string, string> } {
    const wanted = method === 'HEAD' ? 'GET' : method;
    const candidates: Found[] = [];
    collect(this.#root, path.split('/').slice(1).map(decode), [], candidates);
    for (const { node, values } of candidates) {
      const route = node.routes.get(wanted);
      if (route === undefined) continue;
      return {
        handler: route.handler,
        params: Object.fromEntries(route.names.map((name, index) => [name, values[index] ?? ''])),
      };
    }
    if (candidates.length > 0) throw new ApiError(405, `Request method '${method}' is not supported`);
    throw notFound(`No static resource ${withoutOuterSlashes(decode(path))}.`);
  }

  #add(method: string, pattern: string, handler: Handler): void {
    const names: string[] = [];
    let node = this.#root;
    for (const part of pattern.split('/').slice(1)) {
      const name = /^\{(\w+)\}$/.exec(part)?.[1];
      if (name === undefined) {
        const next: Node = node.literals.get(part) ?? newNode();
        node.literals.set(part, next);
        node = next;
      } else {
        names.push(name);
        node = node.parameter ??= newNode();
      }
    }
    if (node.routes.has(method)) throw new Error(`route ${method} ${pattern} is declared twice`);
    node.routes.set(method, { handler, names });
  }
}

function newNode(): Node {
  return { literals: new Map(), parameter: undefined, routes: new Map() };
}

function collect(node: Node, parts: readonly string[], values: readonly string[], into: Found[]): void {
  const [part, ...rest] = parts;
  if (part === undefined) {
    if (node.routes.size > 0) into.push({ node, values });
    return;
  }
  const literal = node.literals.get(part);
  if (literal !== undefined) collect(literal, rest, values, into);
  if (node.parameter !== undefined && part !== '') collect(node.parameter, rest, [...values, part], into);
}

function withoutOuterSlashes(path: string): string {
  let [from, to] = [0, path.length];
  while (path[from] === '/') from += 1;
  while (to > from && path[to - 1] === '/') to -= 1;
  return path.slice(from, to);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
