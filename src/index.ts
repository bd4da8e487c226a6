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
 * @module
 */
export { bootstrap } from './app/bootstrap.js';
export type { BootstrapOptions, HealthConfig, ServerDescription } from './app/config/bootstrap-options.js';
export { formatTable } from './app/table.js';
export { createConductorClients, createTaskClient } from './conductor/clients/conductor-clients.js';
export type { ClientOptions, ConductorClients } from './conductor/clients/conductor-clients.js';
export type { ConductorConnection, HttpOptions } from './conductor/transport/http-options.js';
export type { MetadataClient } from './conductor/clients/metadata-client.js';
export { TaskClient } from './conductor/clients/task-client.js';
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
export type { ErrorCode, TuttiErrorOptions } from './core/errors.js';
export { ConsoleLogger, Logger } from './core/logger.js';
export type { LogFields, LogFormat, LogLevel } from './core/logger.js';
export { cancellationFlag } from './native/call/cancellation-flag.js';
export { ffi } from './native/call/ffi-library.js';
export type { Ffi, FfiFunctionTable, FfiLibraryFunction } from './native/call/ffi-library.js';
export type {
  NativeFunctionTable,
  NativeLibraryOptions,
  NativeTableType,
} from './native/library/library-definition.js';
export {
  closeNativeLibrary,
  isNativeLibrary,
  nativeCallback,
  openNativeLibrary,
} from './native/native-activation.js';
export type { WithErrno } from './native/call/native-call.js';
export { NativeCallback } from './native/call/native-callback.js';
export type { NativeBackendName } from './native/backend/native-definition.js';
export { native, NativeLibrary } from './native/native-library.decorator.js';
export { NativePointer } from './native/call/native-pointer.js';
export type { Int64Mode, NativeFunctionOptions } from './native/c/native-types.js';
export { EXIT_CODES } from './protocol/exit-codes.js';
export type { Orchestrator } from './orchestrator/orchestrator.js';
export type { OrchestratorEvents, ProcessExit } from './orchestrator/orchestrator-options.js';
export { isWorkerProcess } from './protocol/process-marker.js';
export type { ReadyOptions } from './orchestrator/readiness.js';
export type { RestartOptions } from './orchestrator/replicas/restart-policy.js';
export type { OrchestratorState, ReplicaState, RestartCause } from './protocol/states.js';
export type { Replacement } from './orchestrator/replicas/reconciliation.js';
export type {
  OrchestratorStatus,
  ProcessRole,
  ProcessStatusView,
  ReplicaStatusView,
  TaskStatusView,
  WorkerStatusView,
} from './orchestrator/status/status.js';
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
