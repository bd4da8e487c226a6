/** An order with two sub-workflows. Shipping fails on a wrong address, then continues from there; nothing is paid twice. */
import { bootstrap, functionWorker, NonRetryableError, type Task } from 'tutti';
import { embeddedServer } from 'tutti/server';
import { define } from './support/define.js';
import { domain } from './support/private-domain.js';

function charge({ inputData }: Task<{ order: string }>) {
  return { receipt: `receipt of order ${inputData.order}` };
}

function pack({ inputData }: Task<{ order: string }>) {
  return { parcel: `parcel of order ${inputData.order}` };
}

function label({ inputData: { parcel, zip } }: Task<{ parcel: string; zip: string }>) {
  if (!/^\d{5}$/.test(zip)) throw new NonRetryableError(`"${zip}" is no zip code`);
  return { label: `${parcel} to ${zip}` };
}

await using orchestrator = await bootstrap({
  workers: [
    functionWorker('tutti_example_order_charge', charge),
    functionWorker('tutti_example_order_pack', pack),
    functionWorker('tutti_example_order_label', label),
  ],
  server: embeddedServer(),
});

const order = '${workflow.input.order}';
const step = (name: string, inputParameters: Record<string, unknown>) => ({
  name: `tutti_example_order_${name}`,
  taskReferenceName: name,
  inputParameters,
});
const subWorkflow = (name: string, inputParameters: Record<string, unknown>) => ({
  name,
  taskReferenceName: name,
  type: 'SUB_WORKFLOW',
  subWorkflowParam: { name: `tutti_example_order_${name}`, version: 1 },
  inputParameters,
});
await define(
  orchestrator,
  ['charge', 'pack', 'label'].map((name) => ({ name: `tutti_example_order_${name}` })),
  [
    {
      name: 'tutti_example_order_payment',
      tasks: [step('charge', { order })],
      outputParameters: { receipt: '${charge.output.receipt}' },
    },
    {
      name: 'tutti_example_order_shipping',
      tasks: [
        step('pack', { order }),
        step('label', { parcel: '${pack.output.parcel}', zip: '${workflow.input.zip}' }),
      ],
      outputParameters: { label: '${label.output.label}' },
    },
    {
      name: 'tutti_example_order_in_two',
      tasks: [
        subWorkflow('payment', { order }),
        subWorkflow('shipping', { order, zip: '${workflow.input.zip}' }),
      ],
      outputParameters: { receipt: '${payment.output.receipt}', label: '${shipping.output.label}' },
    },
  ],
);

const { workflows } = await orchestrator.clients();
const id = await workflows.start({
  name: 'tutti_example_order_in_two',
  input: { order: '4711', zip: '1234' },
  taskToDomain: { '*': domain },
});
const failed = await workflows.waitFor(id, { pollIntervalMs: 50 });
console.log(`Order: ${failed.status}`);
const shippingId = failed.tasks.find((task) => task.referenceTaskName === 'shipping')!.subWorkflowId!;
const shipping = await workflows.get(shippingId);
const wrong = shipping.tasks.find((task) => task.status === 'FAILED_WITH_TERMINAL_ERROR')!;
console.log(`Failed task: ${wrong.referenceTaskName}, ${wrong.reasonForIncompletion}`);

// Reruns shipping from the failed task with a different input; the order then continues.
const answer = await fetch(`${orchestrator.status().serverUrl}/workflow/${shippingId}/rerun`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    reRunFromWorkflowId: shippingId,
    reRunFromTaskId: wrong.taskId,
    taskInput: { ...wrong.inputData, zip: '12345' },
  }),
});
if (!answer.ok) throw new Error(await answer.text());
const completed = await workflows.waitFor(id, { pollIntervalMs: 50 });
console.log(`Order: ${completed.status} ${JSON.stringify(completed.output)}`);
const again = await workflows.get(shippingId);
console.log(
  `Tasks of shipping: ${again.tasks.map((task) => `${task.referenceTaskName} ${task.status}`).join(', ')}`,
);
