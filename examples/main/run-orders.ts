import type { ConductorClients, JsonObject, Workflow, WorkflowDef } from 'tutti';
import { domain } from '../support/private-domain.js';

const ORDERS: readonly JsonObject[] = [
  { order: 'order-1', customer: 'Ada', lines: [{ article: 'espresso', quantity: 2 }] },
  { order: 'order-2', customer: 'Grace', lines: [{ article: 'flat white', quantity: 1 }] },
  {
    order: 'order-3',
    customer: 'Linus',
    lines: [
      { article: 'espresso', quantity: 1 },
      { article: 'cinnamon bun', quantity: 3 },
    ],
  },
];

/** Starts a workflow for each order, all at once, and returns them when they have ended. */
export async function runOrders(
  { workflows }: ConductorClients,
  definition: WorkflowDef,
): Promise<Workflow[]> {
  return await Promise.all(
    ORDERS.map(async (input) => {
      const workflowId = await workflows.start({
        name: definition.name,
        version: 1,
        input,
        taskToDomain: { '*': domain },
      });
      console.log(`${String(input['order'])}: started as workflow ${workflowId}`);
      const workflow = await workflows.waitFor(workflowId, { timeoutMs: 60_000, pollIntervalMs: 100 });
      const reason = workflow.reasonForIncompletion ?? String(workflow.output['confirmation']);
      console.log(`${String(input['order'])}: ${workflow.status}: ${reason}`);
      return workflow;
    }),
  );
}
