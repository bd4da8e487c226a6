/** What a worker process is started for; travels in its environment. Holds no credentials. */
export interface ProcessMarker {
  /** Name of the replica, e.g. `greet:GreetWorker#1`. */
  readonly replica: string;
  /** Keys of the workers that run in the process. */
  readonly workers: readonly string[];
  /** Files that export those of them that were discovered; nothing else is imported. */
  readonly files: readonly string[];
  readonly serverUrl: string;
  /** Where it puts results that the server refuses; `undefined`: in memory only. */
  readonly outboxFolder: string | undefined;
  /** Where results with idempotency keys are kept, shared by all processes of the application. */
  readonly resultsFolder: string | undefined;
  /** Where it notes the native calls that it is in; `undefined`: nowhere. */
  readonly nativeCallsFile: string | undefined;
  /** Makes the worker ids of this process start unlike those of any other. */
  readonly incarnation: string;
  /** Milliseconds that the process has for its tasks when the orchestrator is gone. */
  readonly orphanGraceMs: number;
}

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
