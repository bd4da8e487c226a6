import cluster from 'node:cluster';

/** Whether this process was forked by `node:cluster`, ours or anybody's. */
export function isClusterChild(): boolean {
  return cluster.isWorker;
}

/**
 * By default a cluster child exits with code 0 the moment its primary is gone, before any listener runs. This turns
 * it off, so that a process that has lost its orchestrator can still finish its tasks.
 */
export function keepAliveWithoutPrimary(): void {
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
}
