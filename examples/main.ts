/**
 * The main program, `npm start`: starts the workers in the folder `main`, each in its own process, runs some orders
 * through them, and shows which process did what. It needs only Node.js, because it includes a server. With
 * `CONDUCTOR_SERVER_URL`, it uses that Conductor server instead.
 */
import { bootstrap, TuttiError, type Workflow } from 'tutti';
import { closeNativeLibrary, openNativeLibrary } from 'tutti/native';
import { embeddedServer } from 'tutti/server';
import { ContainerModule } from 'inversify';
import { CppWorker } from './main/cpp.worker.js';
import { orderWorkflow, taskDefinitions } from './main/definitions.js';
import { confirmOrderWorker } from './main/orders/confirm-order.worker.js';
import { ordersModule } from './main/orders/orders.module.js';
import { PriceOrderWorker } from './main/orders/price-order.worker.js';
import { idleWorkers, taskTable } from './main/report.js';
import { runOrders } from './main/run-orders.js';
import { SimpleWorker } from './main/simple-class.worker.js';
import { simpleFunctionWorker } from './main/simple-function.worker.js';
import { SumLibrary } from './main/sum-library.js';

const MAX_ROUNDS = 5;

const withCpp = await isSumLibraryBuilt();

// Worker processes run this file too, up to here: bootstrap() never returns there.
await using orchestrator = await bootstrap({
  workers: [
    SimpleWorker,
    simpleFunctionWorker,
    ...(withCpp ? [CppWorker] : []),
    PriceOrderWorker,
    confirmOrderWorker,
  ],
  modules: [ordersModule, new ContainerModule(({ bind }) => void bind(SumLibrary).toSelf())],
  server: embeddedServer(),
});

if (!withCpp) {
  console.log(
    'The C++ worker is left out: its library is not built, because there is no C++ compiler.\n' +
      'Install one (g++, clang or the Visual Studio Build Tools), and run `npm run build:native`.',
  );
}

try {
  const workflows = await runUntilAllHaveWorked();
  const status = orchestrator.status();
  console.log(`\n${taskTable(workflows, status)}\n`);
  const failed = workflows.filter((workflow) => workflow.status !== 'COMPLETED');
  console.log(
    `${workflows.length - failed.length} of ${workflows.length} workflows completed, by ` +
      `${status.replicas.length} worker processes of process ${status.pid}.`,
  );
  for (const { workflowId, status: end, reasonForIncompletion } of failed) {
    console.error(`Workflow ${workflowId} is ${end}: ${reasonForIncompletion ?? 'no reason given'}`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(`The main job failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

/** Two workers share a task type, and the server hands a task to whichever polls first: repeat until both have had one. */
async function runUntilAllHaveWorked(): Promise<Workflow[]> {
  const clients = await orchestrator.clients();
  const definition = orderWorkflow({ withCpp });
  await clients.metadata.registerTaskDefs(taskDefinitions(definition));
  await clients.metadata.registerWorkflowDef(definition, { overwrite: true });
  const workflows: Workflow[] = [];
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    workflows.push(...(await runOrders(clients, definition)));
    const idle = idleWorkers(workflows, orchestrator.status());
    if (idle.length === 0 || workflows.some((workflow) => workflow.status !== 'COMPLETED')) break;
    console.log(`${idle.join(' and ')} had nothing to do yet: the same orders once more`);
  }
  return workflows;
}

async function isSumLibraryBuilt(): Promise<boolean> {
  const library = new SumLibrary();
  try {
    openNativeLibrary(library);
    return true;
  } catch (error) {
    if (TuttiError.is(error, 'NATIVE_LIBRARY_MISSING')) return false;
    throw error;
  } finally {
    await closeNativeLibrary(library);
  }
}
