import type { ReportedTask, TaskEnd } from '../../src/worker/execution/task-reporter.js';
import { TaskReporter } from '../../src/worker/execution/task-reporter.js';
import type { Task } from '../../src/conductor/wire/types.js';

/** Records what a worker tells the orchestrator, one line for each thing: `started t-1`, `finished t-1 COMPLETED`. */
export class FakeTaskReporter extends TaskReporter {
  readonly events: string[] = [];
  /** When set, messages are written once it resolves. */
  writing: Promise<void> = Promise.resolve();
  /** Tasks that run elsewhere already. */
  readonly runningElsewhere = new Set<string>();

  override async started(tasks: readonly ReportedTask[]): Promise<void> {
    this.events.push(`started ${tasks.map(({ task }) => task.taskId).join(' ')}`);
    await this.writing;
  }
  override async begun(taskId: string): Promise<void> {
    this.events.push(`begun ${taskId}`);
    await this.writing;
  }
  override async releasing(taskId: string): Promise<void> {
    this.events.push(`releasing ${taskId}`);
    await this.writing;
  }
  override stored(taskId: string): void {
    this.events.push(`stored ${taskId}`);
  }
  override finished(taskId: string, end: TaskEnd): void {
    this.events.push(`finished ${taskId} ${end}`);
  }
  override duplicate(): void {
    this.events.push('duplicate');
  }
  override progress(taskId: string, progress: string | number): void {
    this.events.push(`progress ${taskId} ${progress}`);
  }
  override mayRun(task: Task): Promise<boolean> {
    return Promise.resolve(!this.runningElsewhere.has(task.taskId));
  }
  override uncertain(): void {
    this.events.push('uncertain');
  }
}
