import type { Logger } from '../../core/logger.js';
import { ApiClient } from '../transport/api-client.js';
import { Authentication } from '../transport/authentication.js';
import { resolveHttpOptions, type ConductorConnection, type HttpOptions } from '../transport/http-options.js';
import { HttpTaskClient } from './http-task-client.js';
import { MetadataClient } from './metadata-client.js';
import type { TaskClient } from './task-client.js';
import type { Transport } from '../transport/transport.js';
import { UndiciTransport } from '../transport/undici-transport.js';
import { WorkflowClient } from './workflow-client.js';

export interface ClientOptions {
  readonly logger: Logger;
  /** Makes another transport than the default one; closing the clients closes it. */
  readonly transport?: ((options: HttpOptions) => Transport) | undefined;
}

/** Clients of one server that share transport and token. */
export interface ConductorClients {
  readonly tasks: TaskClient;
  readonly workflows: WorkflowClient;
  readonly metadata: MetadataClient;
  /** Ends every `waitFor()`, waits for requests under way and closes the connections. */
  close(): Promise<void>;
}

/**
 * The clients for programs, on axios unless `transport` says otherwise.
 *
 * @throws ConfigurationError when `connection` is wrong
 */
export async function createConductorClients(
  connection: ConductorConnection,
  { logger, transport }: ClientOptions,
): Promise<ConductorClients> {
  const options = resolveHttpOptions(connection);
  const api = createApi(
    options,
    transport === undefined ? await axiosTransport(options) : transport(options),
    logger,
  );
  const closing = new AbortController();
  return {
    tasks: new HttpTaskClient(api),
    workflows: new WorkflowClient(api, closing.signal),
    metadata: new MetadataClient(api, closing.signal),
    close: () => {
      closing.abort();
      return api.close();
    },
  };
}

/**
 * The client for the data plane (poll, update, heartbeat), on undici unless `transport` says otherwise.
 *
 * @throws ConfigurationError when `connection` is wrong
 */
export function createTaskClient(connection: ConductorConnection, clientOptions: ClientOptions): TaskClient {
  return createTaskAndMetadataClients(connection, clientOptions).tasks;
}

/**
 * What {@link createTaskClient} makes, with a metadata client that shares its transport and token: closing the task client
 * closes both.
 *
 * @throws ConfigurationError when `connection` is wrong
 */
export function createTaskAndMetadataClients(
  connection: ConductorConnection,
  { logger, transport }: ClientOptions,
): { tasks: TaskClient; metadata: MetadataClient } {
  const options = resolveHttpOptions(connection);
  const api = createApi(options, transport?.(options) ?? new UndiciTransport(options), logger);
  return { tasks: new HttpTaskClient(api), metadata: new MetadataClient(api) };
}

function createApi(options: HttpOptions, transport: Transport, logger: Logger): ApiClient {
  if (options.isPathAdded)
    logger.debug('the server URL has no path: /api is added', { url: options.baseUrl });
  return new ApiClient(transport, new Authentication(transport, options, logger), options, logger);
}

/** Imported only where it is needed: axios takes 20 MB and a tenth of a second of every process that loads it. */
async function axiosTransport(options: HttpOptions): Promise<Transport> {
  const { AxiosTransport } = await import('../transport/axios-transport.js');
  return new AxiosTransport(options);
}
