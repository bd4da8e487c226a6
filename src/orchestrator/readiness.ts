import { TuttiError } from '../core/errors.js';
import { sleep } from '../core/sleep.js';
import { healthReport } from './status/health-report.js';
import type { OrchestratorStatus } from './status/status.js';

/** How long `ready()` waits. */
export interface ReadyOptions {
  /** @defaultValue 60000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const LOOK_EVERY_MS = 20;

/**
 * Resolves when every worker polls and the server answers.
 *
 * @throws TuttiError `PROCESS_NOT_READY` with the reasons after `timeoutMs`, `ILLEGAL_STATE` when the application stops;
 *   the signal's reason after an abort
 */
export async function untilReady(
  status: () => OrchestratorStatus,
  { timeoutMs = 60_000, signal }: ReadyOptions = {},
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const now = status();
    if (now.state === 'stopping' || now.state === 'stopped' || now.state === 'failed') {
      throw new TuttiError('ILLEGAL_STATE', `the workers will not poll: the orchestrator is ${now.state}`);
    }
    const reasons = missing(now);
    if (reasons.length === 0) return;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) {
      throw new TuttiError(
        'PROCESS_NOT_READY',
        `the workers were not ready within ${timeoutMs} ms: ${reasons.join('; ')}`,
        { details: { reasons } },
      );
    }
    await sleep(Math.min(LOOK_EVERY_MS, leftMs), signal);
  }
}

/** What is missing: all that makes `/readyz` fail, and workers whose first poll has not been answered. */
function missing(status: OrchestratorStatus): string[] {
  const silent = status.replicas.flatMap(({ replica, workers }) =>
    workers
      .filter(({ lastPollAt, isPaused }) => lastPollAt === 0 && !isPaused)
      .map(
        ({ key, lastPollError }) =>
          `${replica}: no poll of ${key} has been answered${because(lastPollError)}`,
      ),
  );
  return [...healthReport(status).ready.reasons, ...silent];
}

function because(error: string | undefined): string {
  return error === undefined ? '' : `: ${error}`;
}
