import type { JsonObject, Orchestrator, TaskDef, Workflow, WorkflowTask } from 'tutti';
import { domain as privateDomain } from './private-domain.js';

interface WorkflowRun {
  readonly name: string;
  readonly tasks: readonly WorkflowTask[];
  /** Properties of the task definitions other than their names. @defaultValue no retries */
  readonly taskDef?: Partial<TaskDef>;
  readonly input?: JsonObject;
  /** The domain whose workers receive the tasks. @defaultValue the domain of this run */
  readonly domain?: string;
}

const OWNER = { ownerEmail: 'examples@tutti.invalid' };

/** Registers the tasks and a workflow with them, runs it once, and returns it when it has ended. */
export async function runWorkflow(orchestrator: Orchestrator, run: WorkflowRun): Promise<Workflow> {
  const { name, tasks, taskDef, input = {}, domain = privateDomain } = run;
  const { metadata, workflows } = await orchestrator.clients();
  await metadata.registerTaskDefs(
    tasks.map((task) => ({ name: task.name, retryCount: 0, ...OWNER, ...taskDef })),
  );
  await metadata.registerWorkflowDef(
    { name, version: 1, schemaVersion: 2, tasks: [...tasks], ...OWNER },
    { overwrite: true },
  );
  const id = await workflows.start({ name, version: 1, input, taskToDomain: { '*': domain } });
  return await workflows.waitFor(id, { pollIntervalMs: 50 });
}
