/** Lifetime of services: per process or per task, and how they are initialized and closed. */
import { bootstrap, Worker, type Task } from 'tutti';
import { embeddedServer } from 'tutti/server';
import { ContainerModule, inject, injectable, postConstruct, preDestroy } from 'inversify';
import { runWorkflow } from './support/run-workflow.js';

/** Bound as a singleton: one per process. Stands for a pool of database connections. */
@injectable()
class Database {
  static instances = 0;
  readonly number = ++Database.instances;

  @postConstruct()
  async connect(): Promise<void> {
    console.log(`database ${this.number}: connected`);
  }

  @preDestroy()
  async disconnect(): Promise<void> {
    console.log(`database ${this.number}: disconnected`);
  }
}

/**
 * Bound without a scope: with `scope: 'task'`, one per task, shared by everything built for that task. (A few are built
 * at startup, to verify the dependencies.)
 */
@injectable()
class Transaction {
  static instances = 0;
  readonly number = ++Transaction.instances;
  readonly steps: string[] = [];

  constructor(readonly database: Database) {}

  @preDestroy()
  close(): void {
    if (this.steps.length > 0)
      console.log(`transaction ${this.number}: closed after ${this.steps.join(', ')}`);
  }
}

@injectable()
class Accounts {
  constructor(private readonly transaction: Transaction) {}

  move(amount: number): void {
    this.transaction.steps.push(`moving ${amount}`);
  }
}

/** Values without a class are injected by a token. */
const CURRENCY = Symbol.for('currency');

@Worker('tutti_example_transfer', { scope: 'task', pollInterval: 250 })
class TransferWorker {
  constructor(
    private readonly accounts: Accounts,
    private readonly transaction: Transaction,
    @inject(CURRENCY) private readonly currency: string,
  ) {}

  execute(task: Task<{ amount: number }>) {
    this.accounts.move(task.inputData.amount);
    const { number, database } = this.transaction;
    return {
      transaction: number,
      database: database.number,
      amount: `${task.inputData.amount} ${this.currency}`,
    };
  }
}

await using orchestrator = await bootstrap({
  workers: [TransferWorker],
  modules: [
    new ContainerModule(({ bind }) => {
      bind(Database).toSelf().inSingletonScope();
      bind(Transaction).toSelf();
      bind(Accounts).toSelf();
      bind(CURRENCY).toConstantValue('EUR');
    }),
  ],
  server: embeddedServer(),
});

const workflow = await runWorkflow(orchestrator, {
  name: 'tutti_example_dependency_injection',
  tasks: [100, 250].map((amount) => ({
    name: 'tutti_example_transfer',
    taskReferenceName: `transfer_${amount}`,
    inputParameters: { amount },
  })),
});

const outputs = workflow.tasks.map((task) => task.outputData);
for (const output of outputs) console.log(`transfer: ${JSON.stringify(output)}`);
console.log(`different transactions: ${outputs[0]?.['transaction'] !== outputs[1]?.['transaction']}`);
console.log(`same database: ${outputs[0]?.['database'] === outputs[1]?.['database']}`);
