/** Tasks that fail, that must not be retried, that run elsewhere, or that take too long. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  bootstrap,
  functionWorker,
  inProgress,
  NonRetryableError,
  type Task,
  type TaskContext,
  type Workflow,
} from 'tutti';
import { embeddedServer } from 'tutti/server';
import { runWorkflow } from './support/run-workflow.js';

/** An error fails this attempt; the server retries as the task definition says. */
function chargeCard(_task: Task, context: TaskContext) {
  context.log(`attempt ${context.attempt}`);
  if (context.attempt === 1) throw new Error('the bank did not answer');
  return { paid: true };
}

/** Retrying can't help: no retries, whatever the definition says. */
function checkCard(task: Task<{ number: string }>) {
  if (!/^\d{16}$/.test(task.inputData.number)) throw new NonRetryableError('a card has 16 digits');
}

/** A job that runs elsewhere: the worker checks on it from time to time, and takes up no slot in between. */
function watchExport(task: Task, context: TaskContext) {
  const looks = Number(task.outputData['looks'] ?? 0) + 1;
  if (looks < 3) return inProgress({ callbackAfterSeconds: 1, output: { looks } });
  return { looks, pollCount: context.pollCount };
}

/** Ends at its execution time-out, because it passes `context.signal` to whatever waits. */
async function renderVideo(_task: Task, context: TaskContext) {
  context.progress('rendering');
  await sleep(60_000, undefined, { signal: context.signal });
}

await using orchestrator = await bootstrap({
  workers: [
    functionWorker('tutti_example_charge_card', chargeCard),
    functionWorker('tutti_example_check_card', checkCard),
    functionWorker('tutti_example_watch_export', watchExport),
    functionWorker('tutti_example_render_video', renderVideo, { executionTimeout: 500 }),
  ],
  server: embeddedServer(),
});

const run = async (task: string, retryCount: number, input = {}): Promise<Workflow> => {
  const workflow = await runWorkflow(orchestrator, {
    name: `tutti_example_errors_${task}`,
    tasks: [{ name: `tutti_example_${task}`, taskReferenceName: task, inputParameters: input }],
    taskDef: { retryCount, retryLogic: 'FIXED', retryDelaySeconds: 1 },
  });
  console.log(`${task}: ${workflow.status}`);
  for (const { retryCount: retry, status, reasonForIncompletion, outputData } of workflow.tasks) {
    const result = status === 'COMPLETED' ? JSON.stringify(outputData) : reasonForIncompletion;
    console.log(`  attempt ${retry + 1}: ${status} ${result}`);
  }
  return workflow;
};

const charged = await run('charge_card', 3);
const { tasks } = await orchestrator.clients();
for (const { taskId, retryCount } of charged.tasks) {
  const lines = await tasks.getLogs(taskId);
  console.log(
    `  log of attempt ${retryCount + 1}: ${lines.map(({ log }) => log.split('\n')[0]).join(' | ')}`,
  );
}
await run('check_card', 3, { number: '12' });
await run('watch_export', 0);
await run('render_video', 0);
