/**
 * Workers discovered by a glob. This file doesn't import them: a short-lived process checks what the files export, and
 * each worker process then loads only the files of its own workers.
 */
import { bootstrap } from 'tutti';
import { embeddedServer } from 'tutti/server';
import { parcelModule } from './07-discovery/shipping/parcel.module.js';
import { runWorkflow } from './support/run-workflow.js';

await using orchestrator = await bootstrap({
  // Relative to this file's folder; matches the files that run: the compiled ones.
  discover: '07-discovery/**/*.worker.js',
  modules: [parcelModule],
  server: embeddedServer(),
});

const workflow = await runWorkflow(orchestrator, {
  name: 'tutti_example_discovery',
  tasks: ['invoice', 'remind', 'label'].map((task) => ({
    name: `tutti_example_${task}`,
    taskReferenceName: task,
    inputParameters: { order: '${workflow.input.order}' },
  })),
  input: { order: 4711 },
});

for (const task of workflow.tasks) {
  console.log(`${task.referenceTaskName}: ${task.status} ${JSON.stringify(task.outputData)}`);
}
const found = orchestrator.status().replicas.map((replica) => replica.replica);
console.log(`Found: ${found.join(', ')}`);
