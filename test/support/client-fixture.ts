import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { afterEach, beforeEach } from 'vitest';
import { AxiosTransport } from '../../src/conductor/transport/axios-transport.js';
import {
  createConductorClients,
  type ConductorClients,
} from '../../src/conductor/clients/conductor-clients.js';
import type { ConductorConnection } from '../../src/conductor/transport/http-options.js';
import { UndiciTransport } from '../../src/conductor/transport/undici-transport.js';
import { HttpError } from '../../src/core/errors.js';
import { RecordingLogger } from './recording-logger.js';
import { ScriptedServer } from './scripted-server.js';

/** For `describe.each`: everything that clients do is tried on both. */
export const TRANSPORTS = [
  { name: 'undici', Kind: UndiciTransport },
  { name: 'axios', Kind: AxiosTransport },
] as const;

export const SECRET = 'hunter2';
export const keys = { keyId: 'my-key', keySecret: SECRET };

/** A scripted server, and clients for it, new for each test. */
export class ClientFixture {
  readonly #Kind: (typeof TRANSPORTS)[number]['Kind'];
  server!: ScriptedServer;
  logger!: RecordingLogger;
  clients!: ConductorClients;

  constructor(Kind: (typeof TRANSPORTS)[number]['Kind']) {
    this.#Kind = Kind;
    beforeEach(async () => {
      this.server = await ScriptedServer.start();
      this.logger = new RecordingLogger();
    });
    afterEach(async () => {
      await this.server.close();
      await this.clients.close();
    });
  }

  async open(connection: Partial<ConductorConnection> = {}): Promise<ConductorClients> {
    this.clients = await createConductorClients(
      { serverUrl: this.server.url, ...connection },
      { logger: this.logger, transport: (options) => new this.#Kind(options) },
    );
    return this.clients;
  }

  /** The HttpError that `promise` rejects with; it, the clients and the log must show no secret. */
  async failure(promise: Promise<unknown>): Promise<HttpError> {
    const error: unknown = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert(error instanceof HttpError, `expected an HttpError, got ${inspect(error)}`);
    const printed = inspect([error, this.clients], { depth: 15, showHidden: true });
    assert.doesNotMatch(printed + JSON.stringify(error) + this.logger.text, /hunter2|my-key|secret-token/);
    return error;
  }
}
