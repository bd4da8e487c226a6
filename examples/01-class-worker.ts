/** A worker class that returns a Conductor task result. */
import {
  bootstrap,
  TaskResult,
  TaskResultStatus,
  Worker,
  type Task,
  type TaskContext,
  type TaskWorker,
} from 'tutti';
import { embeddedServer } from 'tutti/server';
import { runWorkflow } from './support/run-workflow.js';

interface Measurement {
  city: string;
  celsius: number;
}

@Worker('tutti_example_fahrenheit', 500) // polls every 500 ms while there are no tasks
class FahrenheitWorker implements TaskWorker<Measurement> {
  /** Optional: prefix of this worker's id on the server. */
  readonly workerId = 'weather-station';

  execute(task: Task<Measurement>, context: TaskContext): TaskResult {
    const { city, celsius } = task.inputData;
    const result = TaskResult.from(task);
    result.addOutputData('city', city);
    result.addOutputData('fahrenheit', (celsius * 9) / 5 + 32);
    result.addLog(`converted by process ${process.pid}, known as ${context.workerId}`);
    result.status = TaskResultStatus.COMPLETED;
    return result;
  }
}

await using orchestrator = await bootstrap({ workers: [FahrenheitWorker], server: embeddedServer() });

const workflow = await runWorkflow(orchestrator, {
  name: 'tutti_example_class_worker',
  tasks: [
    {
      name: 'tutti_example_fahrenheit',
      taskReferenceName: 'convert',
      inputParameters: { city: '${workflow.input.city}', celsius: '${workflow.input.celsius}' },
    },
  ],
  input: { city: 'Oslo', celsius: -5 },
});

const [task] = workflow.tasks;
console.log(`The workflow is ${workflow.status}.`);
console.log(`Output of its task: ${JSON.stringify(task?.outputData)}`);
console.log(`Executed by ${task?.workerId}; this is process ${process.pid}.`);
