import type { PollData } from '../model/models.js';

/** How recent a poll must be for its domain to count as alive. */
export const ACTIVE_DOMAIN_MS = 10_000;

/**
 * The domain of a task that is about to be scheduled: the first of those given for its type (or for all types, `*`)
 * in which a worker has polled lately, else the last one. `NO_DOMAIN` and nothing given mean none.
 */
export function chooseDomain(
  taskToDomain: Readonly<Record<string, string>>,
  taskType: string,
  now: number,
  pollDataOf: (domain: string) => PollData | undefined,
): string | undefined {
  const domains = (taskToDomain[taskType] ?? taskToDomain['*'] ?? '')
    .split(',')
    .map((domain) => domain.trim())
    .filter((domain) => domain !== '');
  const isAlive = (domain: string): boolean => {
    const polled = pollDataOf(domain)?.lastPollTime;
    return domain !== 'NO_DOMAIN' && polled !== undefined && polled > now - ACTIVE_DOMAIN_MS;
  };
  const chosen = domains.find(isAlive) ?? domains.at(-1);
  return chosen === 'NO_DOMAIN' ? undefined : chosen;
}
