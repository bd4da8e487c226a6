/** Types that Conductor executes itself. Source: conductor 3.32, `TaskType`. */
const SYSTEM_TYPES: ReadonlySet<string> = new Set([
  'DYNAMIC',
  'FORK_JOIN',
  'FORK_JOIN_DYNAMIC',
  'FORK',
  'DECISION',
  'SWITCH',
  'JOIN',
  'EXCLUSIVE_JOIN',
  'DO_WHILE',
  'SUB_WORKFLOW',
  'START_WORKFLOW',
  'EVENT',
  'WAIT',
  'HUMAN',
  'HTTP',
  'LAMBDA',
  'INLINE',
  'TERMINATE',
  'JSON_JQ_TRANSFORM',
  'SET_VARIABLE',
  'NOOP',
]);

/** Types that a Conductor server can have and this one refuses. */
const REFUSED_TYPES: ReadonlySet<string> = new Set([
  'KAFKA_PUBLISH',
  'PULL_WORKFLOW_MESSAGES',
  'LLM_TEXT_COMPLETE',
  'LLM_CHAT_COMPLETE',
  'LLM_INDEX_TEXT',
  'LLM_SEARCH_INDEX',
  'LLM_SEARCH_EMBEDDINGS',
  'LLM_GENERATE_EMBEDDINGS',
  'LLM_STORE_EMBEDDINGS',
  'LLM_GET_EMBEDDINGS',
  'LIST_MCP_TOOLS',
  'CALL_MCP_TOOL',
  'GENERATE_IMAGE',
  'GENERATE_AUDIO',
  'GENERATE_VIDEO',
  'GENERATE_PDF',
  'AGENT',
  'GET_AGENT_CARD',
  'CANCEL_AGENT',
  'JDBC',
]);

/** Types whose failed tasks are never retried. Source: conductor 3.32, `TaskType.BUILT_IN_TASKS`. */
const NEVER_RETRIED: ReadonlySet<string> = new Set([
  'DECISION',
  'SWITCH',
  'FORK',
  'JOIN',
  'EXCLUSIVE_JOIN',
  'DO_WHILE',
]);

/** Whether the server executes tasks of this type itself. */
export function isSystemType(type: string): boolean {
  return SYSTEM_TYPES.has(type);
}

/** Whether definitions with this type are refused. */
export function isRefusedType(type: string): boolean {
  return REFUSED_TYPES.has(type);
}

export function isNeverRetried(type: string): boolean {
  return NEVER_RETRIED.has(type);
}
