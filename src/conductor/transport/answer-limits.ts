const MB = 1024 * 1024;

/**
 * The largest answers that are read, by kind of request, in bytes: as they come and when they are decompressed. A server,
 * or what stands in its place, must not be able to use up the memory of a process, or to stall it with decompressing.
 */
export const ANSWER_LIMITS = {
  /** A token of a few hundred characters. */
  token: MB,
  /** The id of a task, or nothing. */
  update: MB,
  /** Also one page of a search. The main process searches. */
  search: 10 * MB,
  /** One task definition. The main process reads a list of them up to this size. */
  definitions: 10 * MB,
  /** One task: input and output have 10 MB each at most. */
  task: 32 * MB,
  /** A poll for many tasks; {@link pollLimit} has those for a few. */
  poll: 384 * MB,
  /** Workflow definitions, lists of definitions, and workflows with all of their tasks. */
  other: 384 * MB,
} as const;

/** For a poll that asks for `count` tasks. */
export function pollLimit(count: number): number {
  return Math.min(ANSWER_LIMITS.poll, ANSWER_LIMITS.task * Math.max(1, count));
}
