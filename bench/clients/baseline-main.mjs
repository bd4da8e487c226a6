// A cluster worker process that only imports what every Tutti worker must (`inversify`), or nothing (`empty`).
import cluster from 'node:cluster';
import { performance } from 'node:perf_hooks';
import { endWithParent, options, report } from './client.mjs';

if (cluster.isPrimary) {
  const startedAt = performance.now();
  cluster.fork().once('message', () => {
    report({ event: 'ready', forkToReadyMs: performance.now() - startedAt });
  });
  endWithParent();
} else {
  if (options().variant === 'inversify') {
    await import('reflect-metadata');
    await import('inversify');
  }
  process.send('ready');
}
