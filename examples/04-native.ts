/** A C++ library as an injected service. `npm run build:native` compiles `native/sum/get_sum.cpp` for it. */
import { bootstrap, Worker, type Task, type TaskWorker } from 'tutti';
import { native, NativeLibrary } from 'tutti/native';
import { embeddedServer } from 'tutti/server';
import { ContainerModule } from 'inversify';
import { runWorkflow } from './support/run-workflow.js';

@NativeLibrary('sum') // libsum.so, libsum.dylib or sum.dll in native/build
class SumLibrary {
  @native('int32_t get_sum(int32_t a, int32_t b)')
  readonly getSum!: (a: number, b: number) => number;
}

@Worker('tutti_example_native_sum', 250)
class SumWorker implements TaskWorker<{ a: number; b: number }, { sum: number }> {
  constructor(private readonly library: SumLibrary) {}

  execute(task: Task<{ a: number; b: number }>) {
    return { sum: this.library.getSum(task.inputData.a, task.inputData.b) };
  }
}

await using orchestrator = await bootstrap({
  workers: [SumWorker],
  modules: [new ContainerModule(({ bind }) => void bind(SumLibrary).toSelf())],
  server: embeddedServer(),
});

const sum = async (a: unknown, b: unknown) => {
  const workflow = await runWorkflow(orchestrator, {
    name: 'tutti_example_native',
    tasks: [{ name: 'tutti_example_native_sum', taskReferenceName: 'sum', inputParameters: { a, b } }],
  });
  const [task] = workflow.tasks;
  console.log(
    `get_sum(${JSON.stringify(a)}, ${JSON.stringify(b)}): ${task?.status} ` +
      (task?.reasonForIncompletion ?? JSON.stringify(task?.outputData)),
  );
};

await sum(1, 2);
// Arguments are checked, never converted: C++ would take whatever it gets.
await sum('one', 2);
await sum(3_000_000_000, 1);
