// The official JavaScript SDK as its users run it: one process for all worker types, every setting at its default
// but the concurrency. `tuned` uses the one public way to a longer poll (TaskManager), set for low latency.
import { TaskHandler, TaskManager, orkesConductorClient } from '@io-orkes/conductor-javascript';
import { endWithParent, noop, busyFor, options, report } from './client.mjs';

const { url, types, concurrency, busyMs, variant } = options();
const execute = busyMs ? () => busyFor(busyMs) : noop;
const workers = types.map((taskDefName) => ({
  taskDefName,
  concurrency,
  execute: async () => ({ status: 'COMPLETED', outputData: execute() }),
}));

const client = await orkesConductorClient({ serverUrl: url });
if (variant === 'tuned') {
  new TaskManager(client, workers, {
    options: { pollInterval: 1, batchPollingTimeout: 5000, concurrency },
  }).startPolling();
} else {
  await new TaskHandler({ client, workers }).startWorkers();
}
report({ event: 'ready' });
endWithParent();
