/** A saga: a trip is booked step by step. If a step fails for good, the earlier bookings are cancelled. */
import { setTimeout as pause } from 'node:timers/promises';
import { bootstrap, functionWorker, NonRetryableError, type Task, type Workflow } from 'tutti';
import { embeddedServer } from 'tutti/server';
import { define } from './support/define.js';
import { domain } from './support/private-domain.js';

interface Trip {
  readonly traveller: string;
  readonly limit: number;
}

function reserveFlight({ inputData }: Task<Trip>) {
  return { booking: `flight of ${inputData.traveller}`, price: 300 };
}

function reserveHotel({ inputData }: Task<Trip>) {
  return { booking: `hotel of ${inputData.traveller}`, price: 450 };
}

function chargeCard({ inputData: { amounts, limit } }: Task<{ amounts: number[]; limit: number }>) {
  const total = amounts.reduce((sum, amount) => sum + amount, 0);
  if (total > limit)
    throw new NonRetryableError(`the card is refused: ${total} is above its limit of ${limit}`);
  return { total };
}

/** Cancels the booking made by a step of the failed workflow. The step may never have been reached. */
function cancel({ inputData: { failedWorkflow, step } }: Task<{ failedWorkflow: Workflow; step: string }>) {
  const done = failedWorkflow.tasks.find(
    ({ referenceTaskName, status }) => referenceTaskName === step && status === 'COMPLETED',
  );
  return { cancelled: done?.outputData['booking'] ?? 'nothing' };
}

await using orchestrator = await bootstrap({
  workers: [
    functionWorker('tutti_example_reserve_flight', reserveFlight),
    functionWorker('tutti_example_reserve_hotel', reserveHotel),
    functionWorker('tutti_example_charge_trip', chargeCard),
    functionWorker('tutti_example_cancel', cancel),
  ],
  server: embeddedServer(),
});

const trip = { traveller: '${workflow.input.traveller}', limit: '${workflow.input.limit}' };
await define(
  orchestrator,
  ['reserve_flight', 'reserve_hotel', 'charge_trip', 'cancel'].map((name) => ({
    name: `tutti_example_${name}`,
    retryCount: 3,
    retryDelaySeconds: 1,
  })),
  [
    {
      name: 'tutti_example_cancel_trip',
      // In reverse order: the last booking is cancelled first.
      tasks: ['hotel', 'flight'].map((step) => ({
        name: 'tutti_example_cancel',
        taskReferenceName: `cancel_${step}`,
        // The workflow as a whole: in the first task of a failure workflow, Conductor reads no path below it.
        inputParameters: { failedWorkflow: '${workflow.input.failedWorkflow}', step },
      })),
      outputParameters: {
        why: '${workflow.input.reason}',
        hotel: '${cancel_hotel.output.cancelled}',
        flight: '${cancel_flight.output.cancelled}',
      },
    },
    {
      name: 'tutti_example_trip',
      failureWorkflow: 'tutti_example_cancel_trip',
      tasks: [
        { name: 'tutti_example_reserve_flight', taskReferenceName: 'flight', inputParameters: trip },
        { name: 'tutti_example_reserve_hotel', taskReferenceName: 'hotel', inputParameters: trip },
        {
          name: 'tutti_example_charge_trip',
          taskReferenceName: 'charge',
          inputParameters: {
            amounts: ['${flight.output.price}', '${hotel.output.price}'],
            limit: '${workflow.input.limit}',
          },
        },
      ],
      outputParameters: { total: '${charge.output.total}' },
    },
  ],
);

const { workflows } = await orchestrator.clients();

/** Conductor starts the failure workflow after it has marked the workflow as failed, and then adds its id to the output. */
async function failureWorkflowOf(id: string): Promise<string> {
  for (;;) {
    const { output } = await workflows.get(id, { includeTasks: false });
    const failureWorkflow = output['conductor.failure_workflow'];
    if (typeof failureWorkflow === 'string') return failureWorkflow;
    await pause(50);
  }
}

for (const input of [
  { traveller: 'Ada', limit: 1_000 },
  { traveller: 'Grace', limit: 500 },
]) {
  const id = await workflows.start({ name: 'tutti_example_trip', input, taskToDomain: { '*': domain } });
  const booked = await workflows.waitFor(id, { pollIntervalMs: 50 });
  console.log(`Trip of ${input.traveller}: ${booked.status} ${booked.reasonForIncompletion ?? ''}`.trim());
  if (booked.status === 'COMPLETED') continue;
  const { status, output } = await workflows.waitFor(await failureWorkflowOf(id), { pollIntervalMs: 50 });
  console.log(`Cancellation: ${status} ${JSON.stringify([output['hotel'], output['flight']])}`);
}
