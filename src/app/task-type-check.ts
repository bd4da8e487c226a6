import { describeThrown, HttpError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { didYouMean } from '../core/options.js';
import { ANSWER_LIMITS } from '../conductor/transport/answer-limits.js';
import type { MetadataClient } from '../conductor/clients/metadata-client.js';
import type { OrchestratorStatus } from '../orchestrator/status/status.js';

/** What of the metadata client is used. */
export type TaskDefinitions = Pick<MetadataClient, 'getTaskDef' | 'getTaskDefs'>;

/** How many task types are asked for one by one. */
const MOST_TYPES = 20;

/**
 * Warns about workers whose task type has no definition on the server: a typo in the name shows nowhere else, since
 * polling a queue that does not exist is no error. A server that does not list its definitions, or not to this key, or
 * that has too many of them, is let alone.
 *
 * @param status - workers that got a task by now are left out: a workflow may bring a definition along
 */
export async function warnOfUnknownTaskTypes(
  status: OrchestratorStatus,
  definitions: TaskDefinitions,
  logger: Logger,
): Promise<void> {
  try {
    const workers = status.replicas
      .filter(({ received }) => received === 0)
      .flatMap((replica) => replica.workers);
    const listed = await definitions.getTaskDefs({ maxAnswerBytes: ANSWER_LIMITS.definitions });
    const known = listed.map(({ name }) => name);
    const types = new Set(workers.map(({ taskType }) => taskType));
    const missing = [...types].filter((type) => !known.includes(type));
    for (const type of missing.slice(0, MOST_TYPES)) {
      // The list may hold only what this key may see.
      if (!(await isMissing(type, definitions))) continue;
      const keys = [...new Set(workers.filter(({ taskType }) => taskType === type).map(({ key }) => key))];
      const nearest = didYouMean(type, known);
      const fix =
        nearest === undefined ? 'correct the name, or register a definition' : `did you mean '${nearest}'?`;
      logger.warn(
        `the server has no definition of the task type '${type}' of worker ${keys.join(', ')}; ${fix}`,
      );
    }
  } catch (error) {
    logger.debug('the task definitions of the server cannot be looked at', { error: describeThrown(error) });
  }
}

async function isMissing(type: string, definitions: TaskDefinitions): Promise<boolean> {
  try {
    await definitions.getTaskDef(type);
    return false;
  } catch (error) {
    return error instanceof HttpError && error.status === 404;
  }
}
