import type { TaskDef, WorkflowDef, WorkflowTask } from 'tutti';

/** What the server needs to know about each task type: retries and time-outs. */
export function taskDefinitions(workflow: WorkflowDef): TaskDef[] {
  return workflow.tasks.map(({ name }) => ({
    name,
    retryCount: 1,
    retryLogic: 'FIXED',
    retryDelaySeconds: 1,
    responseTimeoutSeconds: 30,
    timeoutSeconds: 120,
    ownerEmail: 'examples@tutti.invalid',
  }));
}

/** An order: four tasks in a row, each with input from the previous ones. */
export function orderWorkflow({ withCpp }: { withCpp: boolean }): WorkflowDef {
  const sum: WorkflowTask = {
    name: 'tutti_cpp_sum',
    taskReferenceName: 'sum',
    inputParameters: { a: 1, b: 2 },
  };
  return {
    name: withCpp ? 'tutti_order' : 'tutti_order_without_cpp',
    version: 1,
    schemaVersion: 2,
    ownerEmail: 'examples@tutti.invalid',
    tasks: [
      {
        name: 'tutti_simple',
        taskReferenceName: 'receive',
        inputParameters: { order: '${workflow.input.order}' },
      },
      ...(withCpp ? [sum] : []),
      {
        name: 'tutti_price_order',
        taskReferenceName: 'price',
        inputParameters: { lines: '${workflow.input.lines}' },
      },
      {
        name: 'tutti_confirm_order',
        taskReferenceName: 'confirm',
        inputParameters: { customer: '${workflow.input.customer}', total: '${price.output.total}' },
      },
    ],
    outputParameters: { confirmation: '${confirm.output.text}' },
  };
}
