import type { Orchestrator, TaskDef, WorkflowDef } from 'tutti';

const OWNER = { ownerEmail: 'examples@tutti.invalid' };

/** Registers tasks and workflows, replacing existing ones. */
export async function define(
  orchestrator: Orchestrator,
  taskDefs: readonly TaskDef[],
  workflowDefs: readonly Pick<WorkflowDef, 'name' | 'tasks' | 'outputParameters' | 'failureWorkflow'>[],
): Promise<void> {
  const { metadata } = await orchestrator.clients();
  await metadata.registerTaskDefs(taskDefs.map((def) => ({ retryCount: 0, ...OWNER, ...def })));
  for (const def of workflowDefs) {
    await metadata.registerWorkflowDef(
      { version: 1, schemaVersion: 2, ...OWNER, ...def },
      { overwrite: true },
    );
  }
}
