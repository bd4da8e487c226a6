import { millisecondsOf } from '../core/duration.js';
import { ConfigurationError, describeThrown } from '../core/errors.js';
import { HttpAccess } from '../core/http-access.js';
import type { Logger } from '../core/logger.js';
import type { ResolvedServerOptions, RunningServer } from './embedded-server.js';
import { SystemClock, type Clock } from './clock.js';
import { conductorEngine } from './engine/conductor-engine.js';
import { ANY, type Engine } from './engine/engine.js';
import { environmentOf, secretsOf } from './engine/references.js';
import type { Store } from './engine/store.js';
import { FaultRules } from './faults/fault-rules.js';
import { Authentication } from './http/authentication.js';
import { HttpServer } from './http/http-server.js';
import { adminRoutes, notSupportedRoutes } from './http/resources/admin-resource.js';
import { eventRoutes } from './http/resources/event-resource.js';
import { metadataRoutes } from './http/resources/metadata-resource.js';
import { queueRoutes } from './http/resources/queue-resource.js';
import { systemRoutes } from './http/resources/system-resource.js';
import { taskRoutes } from './http/resources/task-resource.js';
import { bulkRoutes, workflowRoutes } from './http/resources/workflow-resource.js';
import { Router, type Route } from './http/router.js';
import { ScriptRunner } from './scripts/script-runner.js';
import { MemoryStore } from './store/memory-store.js';
import { VirtualClock, type ClockUser } from './virtual-clock.js';

/** @throws ConfigurationError when the port cannot be listened on */
export async function runServer<C extends Clock>(
  options: ResolvedServerOptions<C>,
  logger: Logger,
): Promise<RunningServer<C>> {
  const { clock } = options;
  const store = new MemoryStore(options.retention);
  const engine = conductorEngine({
    store,
    evaluator: new ScriptRunner(),
    environment: environmentOf(options.environment),
    secrets: secretsOf(options.environment),
    httpTargets: options.httpTargets,
    clock,
    // Whoever waits for an answer waits in real time, whatever time the workflows have.
    callerClock: new SystemClock(),
    onError: (error) =>
      logger.error('embedded server: a workflow could not go on', { error: describeThrown(error) }),
  });
  const { auth } = options;
  const authentication =
    auth === undefined ? undefined : new Authentication(auth.key, millisecondsOf(auth.tokenLifetime)!);
  const routes = [
    ...(authentication === undefined ? [] : [authentication.route()]),
    ...systemRoutes(),
    ...taskRoutes(engine),
    ...queueRoutes(engine),
    ...metadataRoutes(engine),
    ...workflowRoutes(engine),
    ...bulkRoutes(engine),
    ...eventRoutes(engine),
    ...adminRoutes(engine),
    ...notSupportedRoutes(),
  ];
  const faults = new FaultRules(store, engine.core.queues, authentication);
  const http = new HttpServer({
    router: new Router(routes.map((route) => faults.on(answeredWhenDurable(route, store)))),
    access: new HttpAccess(options.host, options.allowedHosts, '`allowedHosts` of embeddedServer()'),
    authentication,
    maxBodyBytes: options.maxBodyBytes,
  });
  let port: number;
  try {
    port = await http.listen(options.port, options.host);
  } catch (error) {
    throw new ConfigurationError(
      'CONFIG_INVALID',
      `embeddedServer: cannot listen on ${options.host}:${options.port} (${describeThrown(error)}); give another \`port\`, or 0 for a free one`,
      { cause: error, details: { host: options.host, port: options.port } },
    );
  }
  engine.core.recover();
  if (clock instanceof VirtualClock) clock.attach(clockUser(engine.core));
  const url = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}/api`;
  logger.warn('embedded Conductor server started: for development and tests, not for production', { url });
  let closed: Promise<void> | undefined;
  return {
    url,
    port,
    clock,
    faults,
    close: () => {
      closed ??= Promise.all([engine.core.close(), http.close()]).then(() => undefined);
      return closed;
    },
  };
}

function clockUser(core: Engine): ClockUser {
  return {
    idle: () => core.idle(),
    get isQuiet() {
      return core.isQuiet;
    },
    onChange: (listener) => core.onChange(ANY, listener),
  };
}

/** What is answered must survive: an answer waits until what it says is kept. */
function answeredWhenDurable([method, pattern, handler]: Route, store: Store): Route {
  if (method === 'GET' && !pattern.startsWith('/api/tasks/poll')) return [method, pattern, handler];
  return [
    method,
    pattern,
    async (request) => {
      const reply = await handler(request);
      await store.durable();
      return reply;
    },
  ];
}
