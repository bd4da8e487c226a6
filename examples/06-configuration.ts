/** Options in code and in the environment, an own logger, events, and what runs at the moment. */
import { bootstrap, functionWorker, Logger, Worker, type LogFields, type Task } from 'tutti';
import { embeddedServer } from 'tutti/server';
import { domain } from './support/private-domain.js';
import { table } from './support/table.js';
import { runWorkflow } from './support/run-workflow.js';

// The environment wins over the code. This stands for what is set where the program is deployed; the domain of all
// workers is set in the same way, by `support/private-domain.ts`.
process.env['CONDUCTOR_WORKER_TUTTI_EXAMPLE_RESIZE_CONCURRENCY'] ??= '4';

@Worker('tutti_example_resize', { processes: 2, concurrency: 1, pollInterval: 250 })
class ResizeWorker {
  execute(task: Task<{ width: number }>) {
    return { width: Math.min(task.inputData.width, 640), pid: process.pid };
  }
}

/** Workers of one group share a process: for many small ones that would each waste a process of their own. */
const group = { group: 'small', pollInterval: 250 };
const stamp = functionWorker('tutti_example_stamp', () => ({ stamp: '© Example', pid: process.pid }), group);
const notify = functionWorker('tutti_example_notify', () => ({ pid: process.pid }), group);

/** Any logging library fits behind this one method. */
class JsonLogger extends Logger {
  override log(level: string, message: string, fields: LogFields = {}): void {
    const [firstLine] = message.split('\n');
    if (level !== 'debug') console.log(JSON.stringify({ level, message: firstLine, ...fields }));
  }
}

await using orchestrator = await bootstrap({
  workers: [ResizeWorker, stamp, notify],
  server: embeddedServer(),
  logger: new JsonLogger(),
  autoStart: false,
  stopGrace: 10_000,
  restart: { initialDelay: 200, maxDeaths: 5 },
});

orchestrator.on('state', (state) => console.log(`event: the orchestrator is ${state}`));
orchestrator.on('ready', ({ replica, pid }) => console.log(`event: ${replica} is ready as process ${pid}`));
orchestrator.on('exit', ({ replica, code }) => console.log(`event: ${replica} ended with code ${code}`));
await orchestrator.start();

const rows = orchestrator
  .status()
  .replicas.flatMap(({ replica, pid, state, workers }) =>
    workers.map((worker) => [
      replica,
      String(pid),
      state,
      worker.taskType,
      String(worker.concurrency),
      String(worker.pollInterval),
    ]),
  );
console.log(table(['replica', 'pid', 'state', 'task type', 'concurrency', 'poll interval'], rows));

const workflow = await runWorkflow(orchestrator, {
  name: 'tutti_example_configuration',
  tasks: ['resize', 'stamp', 'notify'].map((task) => ({
    name: `tutti_example_${task}`,
    taskReferenceName: task,
    inputParameters: { width: 1920 },
  })),
});
const [resize, stamped, notified] = workflow.tasks;
console.log(`The workflow is ${workflow.status}; width ${String(resize?.outputData['width'])}.`);
console.log(`Domain as configured: ${resize?.domain === domain}`);
console.log(`One process for the group: ${stamped?.outputData['pid'] === notified?.outputData['pid']}`);
