/**
 * Conductor task workers as decorated, dependency-injected classes, each in a process of its own.
 *
 * @example
 * ```ts
 * @Worker('greet', 500)
 * class GreetWorker implements TaskWorker<{ name: string }> {
 *   execute(task: Task<{ name: string }>) {
 *     return { greeting: `Hello ${task.inputData.name}` };
 *   }
 * }
 * const orchestrator = await bootstrap({ workers: [GreetWorker] });
 * await orchestrator.join();
 * ```
 *
 * More is in entry points of its own, which are loaded only if you import them: `tutti/client`, `tutti/native`,
 * `tutti/server`, `tutti/testing`, `tutti/axios`. The types of the clients are here too, since the orchestrator has clients.
 *
 * @module
 */
export { bootstrap } from './app/bootstrap.js';
export type { BootstrapOptions, HealthConfig, ServerDescription } from './app/config/bootstrap-options.js';
export type { ConductorClients } from './conductor/clients/conductor-clients.js';
export type {
  ConductorConnection,
  Credentials,
  HttpOptions,
  ProxySettings,
} from './conductor/transport/http-options.js';
export type { TlsFiles, TlsSettings } from './conductor/transport/tls-files.js';
export type { MetadataClient } from './conductor/clients/metadata-client.js';
export type { TaskClient } from './conductor/clients/task-client.js';
export type { PollAnswer, PollRequest } from './conductor/clients/task-client.js';
export { TaskResult, TaskResultStatus } from './conductor/wire/task-result.js';
export type { TaskResultBody } from './conductor/wire/task-result.js';
export { Transport } from './conductor/transport/transport.js';
export type { TransportRequest, TransportResponse } from './conductor/transport/transport.js';
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
} from './conductor/wire/types.js';
export type { WaitOptions } from './conductor/clients/wait.js';
export type { WorkflowClient } from './conductor/clients/workflow-client.js';
export { ConfigurationError, ERROR_CODES, HttpError, IllegalStateError, TuttiError } from './core/errors.js';
export type { ErrorCode, HttpErrorCode, TuttiErrorOptions } from './core/errors.js';
export { ConsoleLogger, Logger } from './core/logger.js';
export type { LogFields, LogFormat, LogLevel } from './core/logger.js';
export { EXIT_CODES } from './protocol/exit-codes.js';
export type { Orchestrator } from './orchestrator/orchestrator.js';
export type { OrchestratorEvents, ProcessExit } from './orchestrator/orchestrator-options.js';
export { isWorkerProcess } from './protocol/process-marker.js';
export type { ReadyOptions } from './orchestrator/readiness.js';
export type { RestartOptions } from './orchestrator/replicas/restart-policy.js';
export type { OrchestratorState, ReplicaState, RestartCause } from './protocol/states.js';
export type { Replacement } from './orchestrator/replicas/reconciliation.js';
export type { TaskEnd } from './worker/execution/task-reporter.js';
export type { LedgerTaskState } from './orchestrator/ledger/ledger-task.js';
export type { Durations } from './core/meter.js';
export type { EndCounts } from './orchestrator/ledger/tally.js';
export type { CustodyStatus } from './orchestrator/custody/task-custodian.js';
export type {
  OrchestratorStatus,
  ProcessRole,
  ProcessStatusView,
  ReplicaStatusView,
  TaskStatusView,
  WorkerStatusView,
} from './orchestrator/status/status.js';
export type { IdempotencyKey } from './worker/execution/idempotency.js';
export { functionWorker } from './worker/definition/function-worker.js';
export type { FunctionWorker, FunctionWorkerOptions, Injected } from './worker/definition/function-worker.js';
export { inProgress } from './worker/execution/in-progress.js';
export type { InProgress, InProgressOptions } from './worker/execution/in-progress.js';
export { NonRetryableError } from './worker/execution/non-retryable-error.js';
export { TaskInterceptor } from './worker/execution/task-interceptor.js';
export type { ExecuteNext, InterceptorClass } from './worker/execution/task-interceptor.js';
export { TaskContext, taskContext } from './worker/execution/task-context.js';
export type {
  TaskWorker,
  WorkerClass,
  WorkerOptions,
  WorkerOutput,
  WorkerScope,
} from './worker/definition/task-worker.js';
export { Worker } from './worker/definition/worker.decorator.js';
