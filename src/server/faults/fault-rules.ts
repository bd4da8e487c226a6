import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject, Task } from '../../conductor/wire/types.js';
import { millisecondsOf } from '../../core/duration.js';
import { queueName, type Queues } from '../engine/queues.js';
import type { Store } from '../engine/store.js';
import { DROPPED, EMPTY, json, NO_CONTENT, text, type Reply } from '../http/reply.js';
import type { ApiRequest } from '../http/request.js';
import type { Handler, Route } from '../http/router.js';
import type { Fault, FaultAnswer, FaultOptions, Faults, PausedQueue } from './fault.js';
import { checkFault } from './fault-options.js';
import { seededRandom } from './random.js';
import { RequestFacts } from './request-facts.js';

interface Rule {
  readonly fault: FaultOptions;
  readonly random: () => number;
  left: number;
  count: number;
}

/** Whoever can say that a token is over. */
export interface TokenExpiry {
  expire(token: string): void;
}

/** Stands between the router and its handlers, and has go wrong what a test has asked for. */
export class FaultRules implements Faults {
  readonly #store: Store;
  readonly #queues: Queues;
  readonly #tokens: TokenExpiry | undefined;
  #rules: Rule[] = [];
  /** Tasks that come once more, by queue. */
  readonly #again = new Map<string, JsonObject[]>();

  /** @param tokens - absent on a server that asks for none */
  constructor(store: Store, queues: Queues, tokens: TokenExpiry | undefined) {
    this.#store = store;
    this.#queues = queues;
    this.#tokens = tokens;
  }

  add(fault: FaultOptions): Fault {
    checkFault(fault);
    const rule: Rule = {
      fault,
      random: seededRandom(fault.seed ?? 1),
      left: fault.times ?? Number.POSITIVE_INFINITY,
      count: 0,
    };
    this.#rules.push(rule);
    return {
      get count() {
        return rule.count;
      },
      remove: () => {
        this.#rules = this.#rules.filter((other) => other !== rule);
      },
    };
  }

  pauseQueue(taskType: string): PausedQueue {
    this.#queues.pause(taskType);
    return { resume: () => this.#queues.resume(taskType) };
  }

  clear(): void {
    this.#rules = [];
    this.#again.clear();
    this.#queues.resumeAll();
  }

  /** The same route, with faults. */
  on([method, pattern, handler]: Route): Route {
    const route = `${method} ${pattern}`;
    return [
      method,
      pattern,
      (request) => {
        if (this.#rules.length === 0 && this.#again.size === 0) return handler(request);
        return this.#handle(new RequestFacts(route, request, this.#store), request, handler);
      },
    ];
  }

  async #handle(facts: RequestFacts, request: ApiRequest, handler: Handler): Promise<Reply> {
    const rule = this.#next(facts, ({ fault }) => !('twice' in fault));
    const copies = rule === undefined ? this.#copies(facts, request) : undefined;
    if (copies !== undefined) return copies;
    const reply = await (rule === undefined
      ? handler(request)
      : this.#apply(rule.fault, facts, request, handler));
    if (facts.givesTasks && reply.body !== undefined) this.#noteTwice(facts, reply.body);
    return reply;
  }

  async #apply(
    fault: FaultOptions,
    facts: RequestFacts,
    request: ApiRequest,
    handler: Handler,
  ): Promise<Reply> {
    if ('delay' in fault) {
      await sleep(millisecondsOf(fault.delay));
      return handler(request);
    }
    if ('drop' in fault) {
      if (fault.drop === 'after') await handler(request);
      return DROPPED;
    }
    if ('answer' in fault) {
      if (fault.takesEffect === true) await handler(request);
      return answerOf(fault.answer);
    }
    if ('ignore' in fault) return ignored(facts, request);
    if (request.token !== undefined) this.#tokens?.expire(request.token);
    return answerOf({ status: 401 });
  }

  /** The first rule that happens to the request now; it is counted. */
  #next(facts: RequestFacts, isWanted: (rule: Rule) => boolean): Rule | undefined {
    for (const rule of this.#rules) {
      const { probability, on = {} } = rule.fault;
      if (rule.left <= 0 || !isWanted(rule) || !facts.fit(on)) continue;
      if (probability !== undefined && rule.random() >= probability) continue;
      rule.left -= 1;
      rule.count += 1;
      return rule;
    }
    return undefined;
  }

  /** The tasks of an answer that are to come once more. */
  #noteTwice(facts: RequestFacts, body: string): void {
    if (!this.#rules.some(({ fault }) => 'twice' in fault)) return;
    for (const task of [JSON.parse(body) as Task | Task[]].flat()) {
      if (this.#next(facts, ({ fault }) => 'twice' in fault) === undefined) continue;
      const queue = queueName(task.taskType, task.domain);
      const copy = { ...task, pollCount: task.pollCount + 1 } as unknown as JsonObject;
      this.#again.set(queue, [...(this.#again.get(queue) ?? []), copy]);
    }
  }

  #copies(facts: RequestFacts, request: ApiRequest): Reply | undefined {
    if (!facts.isPoll) return undefined;
    const queue = queueName(request.param('taskType'), request.optional('domain'));
    const waiting = this.#again.get(queue);
    if (waiting === undefined) return undefined;
    const isBatch = request.path.startsWith('/api/tasks/poll/batch/');
    const taken = waiting.splice(0, isBatch ? Math.max(1, request.int('count', 1)) : 1);
    if (waiting.length === 0) this.#again.delete(queue);
    return json(isBatch ? taken : taken[0]);
  }
}

function ignored(facts: RequestFacts, request: ApiRequest): Reply {
  if (facts.isPoll) return request.path.startsWith('/api/tasks/poll/batch/') ? json([]) : NO_CONTENT;
  if (facts.givesTasks) return NO_CONTENT;
  return facts.endpoint === undefined ? EMPTY : text(facts.taskId);
}

function answerOf({ status, retryAfter, headers, body }: FaultAnswer): Reply {
  const reply =
    typeof body === 'string' ? { ...text(body), status } : json(body ?? errorBody(status), status);
  return {
    ...reply,
    headers: { ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }), ...headers },
  };
}

function errorBody(status: number): JsonObject {
  return {
    status,
    message: `a fault that was added to this server: ${status}`,
    retryable: false,
    ...(status === 401 ? { error: 'EXPIRED_TOKEN' } : {}),
  };
}
