/** Workers as functions with injected services, in a chain of tasks. */
import { bootstrap, functionWorker, taskContext, type Task, type TaskContext } from 'tutti';
import { embeddedServer } from 'tutti/server';
import { ContainerModule, injectable } from 'inversify';
import { runWorkflow } from './support/run-workflow.js';

@injectable()
class Dictionary {
  readonly #words = new Map([
    ['good', 'gut'],
    ['morning', 'Morgen'],
  ]);

  translate(word: string): string {
    taskContext().log(`looking up "${word}"`); // the context of the running task, at any call depth
    return this.#words.get(word) ?? word;
  }
}

/** Services are passed after the task and its context, in the order of `inject`. */
function translate(task: Task<{ text: string }>, _context: TaskContext, dictionary: Dictionary) {
  const words = task.inputData.text.split(' ');
  return { text: words.map((word) => dictionary.translate(word)).join(' ') };
}

const workers = [
  functionWorker('tutti_example_translate', translate, { inject: [Dictionary], pollInterval: 250 }),
  // Values other than objects become `{ result: value }`.
  functionWorker('tutti_example_shout', (task: Task<{ text: string }>) => task.inputData.text.toUpperCase()),
];

await using orchestrator = await bootstrap({
  workers,
  modules: [new ContainerModule(({ bind }) => void bind(Dictionary).toSelf())],
  server: embeddedServer(),
});

const workflow = await runWorkflow(orchestrator, {
  name: 'tutti_example_function_worker',
  tasks: [
    {
      name: 'tutti_example_translate',
      taskReferenceName: 'translate',
      inputParameters: { text: '${workflow.input.text}' },
    },
    {
      name: 'tutti_example_shout',
      taskReferenceName: 'shout',
      inputParameters: { text: '${translate.output.text}' },
    },
  ],
  input: { text: 'good morning' },
});

for (const task of workflow.tasks) {
  console.log(`${task.referenceTaskName}: ${task.status} ${JSON.stringify(task.outputData)}`);
}
