/** `tutti/testing`: workers and their services in unit tests, without a server and without processes. */
export { FakeTaskContext, fakeTaskContext } from './fake-task-context.js';
export type { FakeTaskContextOptions } from './fake-task-context.js';
export type { TaskFields } from './fake-task.js';
export type { Provided, Services, StandIn } from './provided.module.js';
export { runTask, TestWorker, testWorker } from './test-worker.js';
export type { TaskRun, TestTaskOptions, TestWorkerOptions } from './test-worker.js';
export type { AnyWorker, ExecuteOf, InputOf, OutputOf, ReportedOutput } from './worker-types.js';
export { withTaskContext } from '../worker/execution/task-context.js';
