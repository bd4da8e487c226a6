/** A batch of any size: as many branches as there are accounts, each summed by native code, and one total of them all. */
import { bootstrap, functionWorker, Worker, type Task, type TaskWorker } from 'tutti';
import { native, NativeLibrary } from 'tutti/native';
import { embeddedServer } from 'tutti/server';
import { ContainerModule } from 'inversify';
import { define } from './support/define.js';
import { domain } from './support/private-domain.js';

type Accounts = Readonly<Record<string, readonly number[]>>;

/** Says which tasks the fork is to have, and what each of them gets. */
function planBatch({ inputData: { accounts } }: Task<{ accounts: Accounts }>) {
  const names = Object.keys(accounts);
  return {
    branches: names.map((name) => ({
      name: 'tutti_example_sum_account',
      taskReferenceName: `sum_${name}`,
      type: 'SIMPLE',
    })),
    inputs: Object.fromEntries(names.map((name) => [`sum_${name}`, { amounts: accounts[name] }])),
  };
}

@NativeLibrary('sum')
class SumLibrary {
  @native('int32_t get_sum(int32_t a, int32_t b)')
  readonly getSum!: (a: number, b: number) => number;
}

/** A branch of the fork; several run at the same time. */
@Worker('tutti_example_sum_account', { concurrency: 4 })
class SumAccountWorker implements TaskWorker<{ amounts: number[] }, { sum: number }> {
  constructor(private readonly library: SumLibrary) {}

  execute({ inputData: { amounts } }: Task<{ amounts: number[] }>) {
    return { sum: amounts.reduce((sum, amount) => this.library.getSum(sum, amount), 0) };
  }
}

/** The output of the JOIN has that of each branch by its reference name. */
function total({ inputData: { sums } }: Task<{ sums: Record<string, { sum: number }> }>) {
  return {
    accounts: Object.keys(sums).length,
    total: Object.values(sums).reduce((all, { sum }) => all + sum, 0),
  };
}

await using orchestrator = await bootstrap({
  workers: [
    functionWorker('tutti_example_plan_batch', planBatch),
    SumAccountWorker,
    functionWorker('tutti_example_total', total),
  ],
  modules: [new ContainerModule(({ bind }) => void bind(SumLibrary).toSelf())],
  server: embeddedServer(),
});

await define(
  orchestrator,
  ['plan_batch', 'sum_account', 'total'].map((name) => ({ name: `tutti_example_${name}` })),
  [
    {
      name: 'tutti_example_batch',
      tasks: [
        {
          name: 'tutti_example_plan_batch',
          taskReferenceName: 'plan',
          inputParameters: { accounts: '${workflow.input.accounts}' },
        },
        {
          name: 'fork',
          taskReferenceName: 'fork',
          type: 'FORK_JOIN_DYNAMIC',
          dynamicForkTasksParam: 'branches',
          dynamicForkTasksInputParamName: 'inputs',
          inputParameters: { branches: '${plan.output.branches}', inputs: '${plan.output.inputs}' },
        },
        { name: 'join', taskReferenceName: 'join', type: 'JOIN' },
        {
          name: 'tutti_example_total',
          taskReferenceName: 'total',
          inputParameters: { sums: '${join.output}' },
        },
      ],
      outputParameters: { accounts: '${total.output.accounts}', total: '${total.output.total}' },
    },
  ],
);

const { workflows } = await orchestrator.clients();
for (const size of [3, 40]) {
  // Account n has the amounts 1 to n.
  const accounts: Accounts = Object.fromEntries(
    Array.from({ length: size }, (_, n) => [`a${n + 1}`, Array.from({ length: n + 1 }, (__, at) => at + 1)]),
  );
  const id = await workflows.start({
    name: 'tutti_example_batch',
    input: { accounts },
    taskToDomain: { '*': domain },
  });
  const { status, output } = await workflows.waitFor(id, { pollIntervalMs: 50 });
  console.log(`Batch of ${size}: ${status},`, output['accounts'], 'accounts, total', output['total']);
}
