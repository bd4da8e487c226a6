import type { ProcessMarker } from './process-launcher.js';

const VARIABLE = 'TUTTI_WORKER_PROCESS';

export function markerEnvironment(marker: ProcessMarker): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(marker) };
}

/**
 * Whether this process was started to run workers. Worker processes run the main file too, up to `bootstrap()`: what only
 * the main process should do before that, such as listening on a port, goes into `if (!isWorkerProcess()) { … }`.
 */
export function isWorkerProcess(): boolean {
  return taken !== undefined || process.env[VARIABLE] !== undefined;
}

let taken: ProcessMarker | undefined;

/**
 * What this process was started for; `undefined` in any process that was not started by an orchestrator. The variable
 * is removed, so that programs started from here are not taken for worker processes.
 */
export function takeProcessMarker(): ProcessMarker | undefined {
  const text = process.env[VARIABLE];
  if (text !== undefined) {
    delete process.env[VARIABLE];
    taken = JSON.parse(text) as ProcessMarker;
  }
  return taken;
}
