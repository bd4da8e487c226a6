import { show, throwProblems } from '../../core/options.js';
import type { CommandArguments, HealthCommands } from './health-server.js';

/** The part of the orchestrator that commands act on. */
export interface CommandTarget {
  pause(worker?: string): string[];
  resume(worker?: string): string[];
  setConcurrency(worker: string, concurrency: number): string[];
  setPollInterval(worker: string, pollInterval: number): string[];
  restart(worker?: string): Promise<string[]>;
  drain(): Promise<void>;
}

/** What `POST /commands/<name>` does. */
export function commandsOf(target: CommandTarget): HealthCommands {
  return {
    pause: ({ worker }) => target.pause(worker),
    resume: ({ worker }) => target.resume(worker),
    concurrency: (given) => target.setConcurrency(workerOf(given), given.concurrency as number),
    interval: (given) => target.setPollInterval(workerOf(given), given.pollInterval as number),
    restart: ({ worker }) => target.restart(worker),
    drain: () => {
      // Answered before it is over: this server is closed with the rest. join() reports the outcome.
      target.drain().catch(() => undefined);
    },
  };
}

function workerOf({ worker }: CommandArguments): string {
  if (worker === undefined)
    throwProblems([`expected \`worker\` to be a worker's key or task type, got ${show(worker)}`]);
  return worker!;
}
