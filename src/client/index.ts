/** `tutti/client`: clients for the REST API of a Conductor server, usable without `bootstrap()`. */
export { createConductorClients, createTaskClient } from '../conductor/clients/conductor-clients.js';
export type { ClientOptions, ConductorClients } from '../conductor/clients/conductor-clients.js';
export type {
  ConductorConnection,
  Credentials,
  HttpOptions,
  ProxySettings,
} from '../conductor/transport/http-options.js';
export type { MetadataClient } from '../conductor/clients/metadata-client.js';
export { TaskClient } from '../conductor/clients/task-client.js';
export type { PollAnswer, PollRequest } from '../conductor/clients/task-client.js';
export { TaskResult, TaskResultStatus } from '../conductor/wire/task-result.js';
export type { TaskResultBody } from '../conductor/wire/task-result.js';
export type { TlsFiles, TlsSettings } from '../conductor/transport/tls-files.js';
export { Transport } from '../conductor/transport/transport.js';
export type { TransportRequest, TransportResponse } from '../conductor/transport/transport.js';
export type {
  JsonObject,
  RetryLogic,
  SearchResult,
  StartWorkflowRequest,
  Task,
  TaskDef,
  TaskExecLog,
  TaskStatus,
  TimeoutPolicy,
  Workflow,
  WorkflowDef,
  WorkflowStatus,
  WorkflowTask,
} from '../conductor/wire/types.js';
export type { WaitOptions } from '../conductor/clients/wait.js';
export type { WorkflowClient } from '../conductor/clients/workflow-client.js';
export { ConfigurationError, ERROR_CODES, HttpError, IllegalStateError, TuttiError } from '../core/errors.js';
export type { ErrorCode, HttpErrorCode, TuttiErrorOptions } from '../core/errors.js';
export { ConsoleLogger, Logger } from '../core/logger.js';
export type { LogFields, LogFormat, LogLevel } from '../core/logger.js';
