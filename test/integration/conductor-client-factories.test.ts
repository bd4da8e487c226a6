import axios from 'axios';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AxiosTransport } from '../../src/conductor/transport/axios-transport.js';
import { createConductorClients, createTaskClient } from '../../src/conductor/clients/conductor-clients.js';
import { ConfigurationError, HttpError } from '../../src/core/errors.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { ScriptedServer } from '../support/scripted-server.js';

const logger = new RecordingLogger();

describe('the factories', () => {
  let server: ScriptedServer;
  beforeEach(async () => void (server = await ScriptedServer.start()));
  afterEach(() => server.close());

  it('use undici for the task client and axios for the others', async () => {
    server.on('GET /tasks/queue/sizes', { body: { a: 1 } });
    const tasks = createTaskClient({ serverUrl: server.url }, { logger });
    const clients = await createConductorClients({ serverUrl: server.url }, { logger });
    expect(await tasks.queueSizes(['a'])).toEqual({ a: 1 });
    expect(await clients.tasks.queueSizes(['a'])).toEqual({ a: 1 });
    await tasks.close();
    await clients.close();
    // Only axios asks for compressed answers.
    expect(server.requests.map((request) => request.headers['accept-encoding'] !== undefined)).toEqual([
      false,
      true,
    ]);
  });

  it('refuse a wrong connection', async () => {
    expect(() => createTaskClient({ serverUrl: 'nowhere' }, { logger })).toThrow(ConfigurationError);
    await expect(createConductorClients({ serverUrl: 'nowhere' }, { logger })).rejects.toThrow(
      ConfigurationError,
    );
  });

  it('take an axios instance with interceptors', async () => {
    server.on('GET /workflow/w/status', (request) => ({
      body: { status: 'RUNNING', seen: request.headers['x-hook'] },
    }));
    const instance = axios.create();
    const seen: unknown[] = [];
    instance.interceptors.request.use((config) => {
      config.headers.set('x-hook', 'yes');
      return config;
    });
    instance.interceptors.response.use((response) => (seen.push(response.data), response));
    const clients = await createConductorClients(
      { serverUrl: server.url },
      { logger, transport: (options) => new AxiosTransport(options, instance) },
    );
    expect(await clients.workflows.getStatus('w')).toBe('RUNNING');
    expect(seen).toEqual(['{"status":"RUNNING","seen":"yes"}']);
    instance.interceptors.response.use(() => Promise.reject(new Error('hooked')));
    const error: unknown = await clients.workflows.getStatus('w').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(HttpError);
    expect((error as HttpError).message).toContain('hooked');
    await clients.close();
  });
});
