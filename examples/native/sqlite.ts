/** SQLite in a worker: each task has its own instance, and leaves no database or statement open. */
import { bootstrap, Worker, type Task, type TaskWorker } from 'tutti';
import { embeddedServer } from 'tutti/server';
import { ContainerModule } from 'inversify';
import { runWorkflow } from '../support/run-workflow.js';
import { Sqlite } from './sqlite.library.js';

@Worker('tutti_example_native_sqlite', { pollInterval: 250, scope: 'task' })
class LibraryWorker implements TaskWorker<{ books: { title: string; year: number }[] }> {
  constructor(private readonly sqlite: Sqlite) {}

  execute(task: Task<{ books: { title: string; year: number }[] }>) {
    const database = this.sqlite.open(':memory:');
    this.sqlite.run(database, 'CREATE TABLE book (title TEXT UNIQUE, year INTEGER)');
    for (const { title, year } of task.inputData.books) {
      this.sqlite.query(database, 'INSERT INTO book VALUES (?, ?)', title, year);
    }
    // No need to close anything here: that happens when the task ends, however it ends.
    return { oldest: this.sqlite.query(database, 'SELECT * FROM book ORDER BY year LIMIT 1')[0] ?? null };
  }
}

await using orchestrator = await bootstrap({
  workers: [LibraryWorker],
  modules: [new ContainerModule(({ bind }) => void bind(Sqlite).toSelf())],
  server: embeddedServer(),
});

const run = async (...books: { title: string; year: number }[]) => {
  const { tasks } = await runWorkflow(orchestrator, {
    name: 'tutti_example_native_sqlite',
    tasks: [{ name: 'tutti_example_native_sqlite', taskReferenceName: 'oldest', inputParameters: { books } }],
  });
  const [task] = tasks;
  console.log(`${task?.status} ${task?.reasonForIncompletion ?? JSON.stringify(task?.outputData)}`);
};

await run({ title: 'Momo', year: 1973 }, { title: 'Faust', year: 1808 }, { title: 'Stiller', year: 1954 });
await run({ title: 'Momo', year: 1973 }, { title: 'Momo', year: 1974 });
