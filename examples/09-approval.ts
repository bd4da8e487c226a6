/** A person approves an expense. They are reminded after one day; after three days, it expires. Tests advance the clock. */
import { setTimeout as sleep } from 'node:timers/promises';
import { bootstrap, functionWorker, type Task } from 'tutti';
import { embeddedServer, virtualClock } from 'tutti/server';
import { define } from './support/define.js';
import { domain } from './support/private-domain.js';

function remind({ inputData }: Task<{ approver: string }>) {
  return { sentTo: inputData.approver };
}

function pay({ inputData }: Task<{ amount: number; by: string }>) {
  return { paid: inputData.amount, approvedBy: inputData.by };
}

const clock = virtualClock();
await using orchestrator = await bootstrap({
  workers: [
    functionWorker('tutti_example_remind_approver', remind),
    functionWorker('tutti_example_pay_expense', pay),
  ],
  server: embeddedServer({ clock }),
});

// Nobody can advance the clock of a real server: there, days last seconds.
const isReal = process.env['CONDUCTOR_SERVER_URL'] !== undefined;
const [firstWait, secondWait] = isReal ? ['3 seconds', '5 seconds'] : ['1 day', '2 days'];
const pass = (duration: string): Promise<void> => (isReal ? Promise.resolve() : clock.advance(duration));

await define(
  orchestrator,
  [{ name: 'tutti_example_remind_approver' }, { name: 'tutti_example_pay_expense' }],
  [
    {
      name: 'tutti_example_expense',
      tasks: [
        {
          name: 'fork',
          taskReferenceName: 'fork',
          type: 'FORK_JOIN',
          forkTasks: [
            [{ name: 'decision', taskReferenceName: 'decision', type: 'HUMAN' }],
            [
              {
                name: 'wait',
                taskReferenceName: 'first_wait',
                type: 'WAIT',
                inputParameters: { duration: firstWait },
              },
              {
                name: 'tutti_example_remind_approver',
                taskReferenceName: 'reminder',
                inputParameters: { approver: '${workflow.input.approver}' },
              },
              {
                name: 'wait',
                taskReferenceName: 'second_wait',
                type: 'WAIT',
                inputParameters: { duration: secondWait },
              },
              {
                name: 'expire',
                taskReferenceName: 'expire',
                type: 'TERMINATE',
                inputParameters: { terminationStatus: 'FAILED', terminationReason: 'nobody has decided' },
              },
            ],
          ],
        },
        // Continues once the decision is made, even if the reminder is still waiting.
        { name: 'join', taskReferenceName: 'join', type: 'JOIN', joinOn: ['decision'] },
        {
          name: 'tutti_example_pay_expense',
          taskReferenceName: 'pay',
          inputParameters: { amount: '${workflow.input.amount}', by: '${decision.output.by}' },
        },
        // Ends the workflow, along with everything that is still waiting.
        {
          name: 'done',
          taskReferenceName: 'done',
          type: 'TERMINATE',
          inputParameters: { terminationStatus: 'COMPLETED', workflowOutput: '${pay.output}' },
        },
      ],
    },
  ],
);

const { tasks, workflows } = await orchestrator.clients();
const start = (amount: number): Promise<string> =>
  workflows.start({
    name: 'tutti_example_expense',
    input: { amount, approver: 'ada@example.com' },
    taskToDomain: { '*': domain },
  });

/** Waits until the reminder has been sent. @returns the id of the task that waits for the person */
async function reminded(workflowId: string): Promise<string> {
  for (;;) {
    const found = await workflows.get(workflowId);
    const reminder = found.tasks.find((task) => task.referenceTaskName === 'reminder');
    if (reminder?.status === 'COMPLETED') {
      console.log(`Reminder: ${JSON.stringify(reminder.outputData)}`);
      return found.tasks.find((task) => task.referenceTaskName === 'decision')!.taskId;
    }
    await sleep(20);
  }
}

const approved = await start(120);
await pass('1 day');
const taskId = await reminded(approved);
await tasks.update({
  taskId,
  workflowInstanceId: approved,
  status: 'COMPLETED',
  outputData: { by: 'Ada' },
});
const paid = await workflows.waitFor(approved, { pollIntervalMs: 50 });
console.log(`Approved: ${paid.status} ${JSON.stringify(paid.output)}`);

const forgotten = await start(80);
await pass('1 day');
await reminded(forgotten);
await pass('2 days');
const expired = await workflows.waitFor(forgotten, { pollIntervalMs: 50 });
console.log(`Forgotten: ${expired.status} ${expired.reasonForIncompletion}`);
