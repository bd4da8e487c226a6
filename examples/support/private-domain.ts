import { randomUUID } from 'node:crypto';

/**
 * The task domain of this run. On a shared server, tasks of a domain go only to workers of that domain: here, those of
 * this program, whose processes inherit the variable.
 */
export const domain = (process.env['CONDUCTOR_WORKER_ALL_DOMAIN'] ??= `run-${randomUUID().slice(0, 8)}`);
