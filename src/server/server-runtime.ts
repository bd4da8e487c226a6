import { ConfigurationError, describeThrown } from '../core/errors.js';
import { HttpAccess } from '../core/http-access.js';
import type { Logger } from '../core/logger.js';
import type { ResolvedServerOptions, RunningServer } from './embedded-server.js';
import { Engine } from './engine/engine.js';
import { environmentOf } from './engine/references.js';
import { HttpServer } from './http/http-server.js';
import { metadataRoutes } from './http/resources/metadata-resource.js';
import { notThereYetRoutes } from './http/resources/not-there-yet.js';
import { queueRoutes } from './http/resources/queue-resource.js';
import { systemRoutes } from './http/resources/system-resource.js';
import { taskRoutes } from './http/resources/task-resource.js';
import { workflowRoutes } from './http/resources/workflow-resource.js';
import { Router } from './http/router.js';

/** @throws ConfigurationError when the port cannot be listened on */
export async function runServer(options: ResolvedServerOptions, logger: Logger): Promise<RunningServer> {
  const engine = new Engine({ environment: environmentOf(options.environment) });
  const router = new Router([
    ...systemRoutes(),
    ...taskRoutes(engine),
    ...queueRoutes(engine),
    ...metadataRoutes(engine),
    ...workflowRoutes(engine),
    ...notThereYetRoutes(),
  ]);
  const http = new HttpServer(
    router,
    new HttpAccess(options.host, options.allowedHosts, '`allowedHosts` of embeddedServer()'),
    options.maxBodyBytes,
  );
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
  const url = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}/api`;
  logger.warn('embedded Conductor server started: for development and tests, not for production', { url });
  let closed: Promise<void> | undefined;
  return {
    url,
    port,
    close: () => {
      closed ??= (engine.close(), http.close());
      return closed;
    },
  };
}
