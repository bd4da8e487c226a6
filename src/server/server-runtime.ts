import { millisecondsOf } from '../core/duration.js';
import { ConfigurationError, describeThrown } from '../core/errors.js';
import { HttpAccess } from '../http/http-access.js';
import type { Logger } from '../core/logger.js';
import type { ResolvedServerOptions, RunningServer } from './embedded-server.js';
import { SystemClock, type Clock } from './clock/clock.js';
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
import { VirtualClock, type ClockUser } from './clock/virtual-clock.js';

/** @throws ConfigurationError when the port cannot be listened on, or the file cannot be used */
export async function runServer<C extends Clock>(
  options: ResolvedServerOptions<C>,
  logger: Logger,
): Promise<RunningServer<C>> {
  const { clock } = options;
  const store = await openStore(options, logger);
  const engine = conductorEngine({
    store,
    evaluator: new ScriptRunner(),
    environment: environmentOf(options.environment),
    secrets: secretsOf(options.environment),
    httpTargets: options.httpTargets,
    limits: options.maxPayloadBytes,
    clock,
    // Whoever waits for an answer waits in real time, whatever time the workflows have.
    callerClock: new SystemClock(),
    onError: (error) =>
      logger.error('embedded server: a workflow could not go on', { error: describeThrown(error) }),
  });
  const { auth } = options;
  const authentication =
    auth === undefined ? undefined : new Authentication(auth.key, millisecondsOf(auth.tokenLifetime)!);
  const resources = [
    ...(authentication === undefined ? [] : [authentication.route()]),
    ...taskRoutes(engine),
    ...queueRoutes(engine),
    ...metadataRoutes(engine),
    ...workflowRoutes(engine),
    ...bulkRoutes(engine),
    ...eventRoutes(engine),
    ...adminRoutes(engine),
    ...notSupportedRoutes(),
  ];
  const routes = [...systemRoutes(resources), ...resources];
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
    await engine.core.close();
    throw new ConfigurationError(
      'CONFIG_INVALID',
      `embeddedServer: cannot listen on ${options.host}:${options.port} (${describeThrown(error)}); give another \`port\`, or 0 for a free one`,
      { cause: error, details: { host: options.host, port: options.port } },
    );
  }
  try {
    engine.core.recover();
  } catch (error) {
    await Promise.allSettled([engine.core.close(), http.close()]);
    throw error;
  }
  if (clock instanceof VirtualClock) clock.attach(clockUser(engine.core));
  const url = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}/api`;
  logger.warn('embedded Conductor server started: for development and tests, not for production', { url });
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    // Answers under way still need the store.
    engine.core.longPolls.close();
    await http.close();
    await engine.core.close();
  };
  return {
    url,
    port,
    clock,
    faults,
    close: () => {
      closed ??= close();
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

async function openStore(
  { file, retention }: Pick<ResolvedServerOptions, 'file' | 'retention'>,
  logger: Logger,
): Promise<Store> {
  if (file === undefined) return new MemoryStore(retention);
  // SQLite is not loaded for a server in memory.
  const { FileStore } = await import('./store/file-store.js');
  return new FileStore(file, {
    retention,
    onFailure: ({ message }) =>
      logger.error('embedded server: nothing is accepted until its file can be written', { error: message }),
  });
}

/**
 * What is answered must survive, and so must what a reader gets to see: an answer waits until what it says is kept. While
 * nothing can be kept, nothing is accepted.
 */
function answeredWhenDurable([method, pattern, handler]: Route, store: Store): Route {
  return [
    method,
    pattern,
    async (request) => {
      if (store.isFailing) await store.durable();
      const reply = await handler(request);
      try {
        await store.durable();
      } catch (error) {
        reply.onLost?.();
        throw error;
      }
      return reply;
    },
  ];
}
