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
export type { BootstrapOptions, HealthConfig, ServerDescription } from './app/bootstrap-options.js';
export { formatTable } from './app/table.js';
export { createConductorClients, createTaskClient } from './conductor/conductor-clients.js';
export type { ClientOptions, ConductorClients } from './conductor/conductor-clients.js';
export type { ConductorConnection, HttpOptions } from './conductor/http-options.js';
export type { MetadataClient } from './conductor/metadata-client.js';
export { TaskClient } from './conductor/task-client.js';
export type { PollAnswer, PollRequest } from './conductor/task-client.js';
export { TaskResult, TaskResultStatus } from './conductor/task-result.js';
export type { TaskResultBody } from './conductor/task-result.js';
export { Transport } from './conductor/transport.js';
export type { TransportRequest, TransportResponse } from './conductor/transport.js';
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
} from './conductor/types.js';
export type { WaitOptions } from './conductor/wait.js';
export type { WorkflowClient } from './conductor/workflow-client.js';
export { ConfigurationError, ERROR_CODES, HttpError, IllegalStateError, TuttiError } from './core/errors.js';
export type { ErrorCode, TuttiErrorOptions } from './core/errors.js';
export { ConsoleLogger, Logger } from './core/logger.js';
export type { LogFields, LogFormat, LogLevel } from './core/logger.js';
export { cancellationFlag } from './native/cancellation-flag.js';
export { ffi } from './native/ffi-library.js';
export type { Ffi, FfiFunctionTable, FfiLibraryFunction } from './native/ffi-library.js';
export type {
  NativeFunctionTable,
  NativeLibraryOptions,
  NativeTableType,
} from './native/library-definition.js';
export {
  closeNativeLibrary,
  isNativeLibrary,
  nativeCallback,
  openNativeLibrary,
} from './native/native-activation.js';
export type { WithErrno } from './native/native-call.js';
export { NativeCallback } from './native/native-callback.js';
export type { NativeBackendName } from './native/native-definition.js';
export { native, NativeLibrary } from './native/native-library.decorator.js';
export { NativePointer } from './native/native-pointer.js';
export type { Int64Mode, NativeFunctionOptions } from './native/native-types.js';
export { EXIT_CODES } from './orchestrator/exit-codes.js';
export type { Orchestrator } from './orchestrator/orchestrator.js';
export type { OrchestratorEvents, ProcessExit } from './orchestrator/orchestrator-options.js';
export { isWorkerProcess } from './orchestrator/process-marker.js';
export type { ReadyOptions } from './orchestrator/readiness.js';
export type { RestartOptions } from './orchestrator/restart-policy.js';
export type { OrchestratorState, SlotState } from './orchestrator/states.js';
export type { Replacement } from './orchestrator/slot-listener.js';
export type {
  OrchestratorStatus,
  ProcessRole,
  ProcessStatusView,
  SlotStatusView,
  TaskStatusView,
  WorkerStatusView,
} from './orchestrator/status.js';
export type { RestartCause } from './orchestrator/watchdog.js';
export { functionWorker } from './worker/function-worker.js';
export type { FunctionWorker, FunctionWorkerOptions, Injected } from './worker/function-worker.js';
export { inProgress } from './worker/in-progress.js';
export type { InProgress, InProgressOptions } from './worker/in-progress.js';
export { NonRetryableError } from './worker/non-retryable-error.js';
export { TaskContext, taskContext } from './worker/task-context.js';
export type {
  TaskWorker,
  WorkerClass,
  WorkerOptions,
  WorkerOutput,
  WorkerScope,
} from './worker/task-worker.js';
export { Worker } from './worker/worker.decorator.js';
