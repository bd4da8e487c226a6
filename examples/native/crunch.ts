/** Work that takes its time, in C++: beside the event loop, with progress, and ended when its task is to end. */
import { bootstrap, Worker, type Task, type TaskContext, type TaskWorker } from 'tutti';
import { cancellationFlag } from 'tutti/native';
import { embeddedServer } from 'tutti/server';
import { ContainerModule } from 'inversify';
import { runWorkflow } from '../support/run-workflow.js';
import { CrunchLibrary } from './crunch.library.js';

@Worker('tutti_example_native_crunch', { pollInterval: 250, executionTimeout: 3_000 })
class PrimesWorker implements TaskWorker<{ limit: number }> {
  constructor(private readonly library: CrunchLibrary) {}

  async execute(task: Task<{ limit: number }>, context: TaskContext) {
    const started = Date.now();
    let steps = 0;
    const primes = await this.library.primes(
      task.inputData.limit,
      cancellationFlag(context.signal),
      (share) => {
        steps++;
        context.progress(share);
      },
    );
    if (primes < 0) {
      console.log(`cancelled after ${Date.now() - started > 2_500 ? 'its time' : 'too short a time'}`);
      throw new Error('cancelled');
    }
    return { primes, steps };
  }
}

await using orchestrator = await bootstrap({
  workers: [PrimesWorker],
  modules: [new ContainerModule(({ bind }) => void bind(CrunchLibrary).toSelf())],
  server: embeddedServer(),
});

const run = async (limit: number) => {
  const { tasks } = await runWorkflow(orchestrator, {
    name: 'tutti_example_native_crunch',
    tasks: [{ name: 'tutti_example_native_crunch', taskReferenceName: 'primes', inputParameters: { limit } }],
  });
  const [task] = tasks;
  console.log(`${task?.status} ${task?.reasonForIncompletion ?? JSON.stringify(task?.outputData)}`);
};

await run(100_000);
await run(Number.MAX_SAFE_INTEGER); // would take years: it ends at its executionTimeout
