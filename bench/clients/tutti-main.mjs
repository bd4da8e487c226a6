// Tutti as its users run it: one process for each worker (or one for all of them with `group`), every setting at its
// default but the concurrency. Worker processes run this file again; what follows bootstrap() runs in the primary only.
import cluster from 'node:cluster';
import { performance } from 'node:perf_hooks';
import { bootstrap, functionWorker } from '../../dist/index.js';
import { endWithParent, noop, busyFor, options, report } from './client.mjs';

const { url, types, concurrency, busyMs, variant } = options();
let firstForkAt;
cluster.once('fork', () => (firstForkAt = performance.now()));

await bootstrap({
  serverUrl: `${url}/api`,
  workers: types.map((type) =>
    functionWorker(type, busyMs ? () => busyFor(busyMs) : noop, {
      concurrency,
      ...(variant === 'group' ? { group: 'all' } : {}),
    }),
  ),
});
report({ event: 'ready', forkToReadyMs: performance.now() - firstForkAt });
endWithParent();
