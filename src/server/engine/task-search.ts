import type { SearchResult, TaskStatus } from '../../conductor/types.js';
import type { Store } from '../store/store.js';
import { badRequest } from './api-error.js';
import type { TaskModel } from './model.js';
import { taskSummary } from './views.js';

export interface SearchRequest {
  readonly query: string;
  /** `*` = anything. */
  readonly freeText: string;
  readonly sort: string;
  readonly start: number;
  readonly size: number;
}

type Operator = '=' | '>' | '<' | 'IN';
interface Condition {
  readonly field: Field;
  readonly operator: Operator;
  readonly values: readonly string[];
}

const FIELDS = {
  workflowId: (task: TaskModel) => task.workflowInstanceId,
  correlationId: (task: TaskModel) => task.correlationId ?? '',
  workflowType: (task: TaskModel) => task.workflowType,
  startTime: (task: TaskModel) => task.startTime,
  endTime: (task: TaskModel) => task.endTime,
  updateTime: (task: TaskModel) => task.updateTime,
  status: (task: TaskModel) => task.status,
  taskId: (task: TaskModel) => task.taskId,
  taskType: (task: TaskModel) => task.taskType,
  taskDefName: (task: TaskModel) => task.taskDefName,
} satisfies Record<string, (task: TaskModel) => string | number>;
type Field = keyof typeof FIELDS;

/** Finds tasks. As on the real server, conditions on fields that are not indexed (`workerId`) are dropped. */
export function searchTasks(store: Store, request: SearchRequest): SearchResult<TaskModel> {
  const conditions = parseQuery(request.query);
  const exact = (field: Field): string | undefined => {
    const condition = conditions.find(
      (c) => c.field === field && c.operator === '=' && !c.values[0]!.includes('*'),
    );
    return condition?.values[0];
  };
  const candidates = store.findTasks({
    taskId: exact('taskId'),
    workflowId: exact('workflowId'),
    taskType: exact('taskType'),
    status: exact('status') as TaskStatus | undefined,
  });
  const found: TaskModel[] = [];
  for (const task of candidates) {
    if (conditions.every((condition) => meets(task, condition)) && contains(task, request.freeText))
      found.push(task);
  }
  sortTasks(found, request.sort);
  return { totalHits: found.length, results: found.slice(request.start, request.start + request.size) };
}

function parseQuery(query: string): Condition[] {
  if (query.trim() === '') return [];
  return query.split(' AND ').flatMap((term) => {
    const [, field, operator, text] = /^\s*([a-zA-Z]+)\s?(=|>|<|IN)\s?(.*)$/.exec(term) ?? [];
    if (field === undefined || operator === undefined || text === undefined) {
      throw badRequest(`Incorrectly formatted query string: ${query}`);
    }
    if (!Object.hasOwn(FIELDS, field)) return [];
    const plain = text.replace(/['"()]/g, '').trim();
    const values = operator === 'IN' ? plain.split(',').map((value) => value.trim()) : [plain];
    return [{ field: field as Field, operator: operator as Operator, values }];
  });
}

function meets(task: TaskModel, { field, operator, values }: Condition): boolean {
  const actual = FIELDS[field](task);
  if (operator === '>') return Number(actual) > Number(values[0]);
  if (operator === '<') return Number(actual) < Number(values[0]);
  return values.some((value) => matches(String(actual), value));
}

/** `*` stands for any text. The parts between are looked for from left to right, each where it comes first. */
function matches(actual: string, wanted: string): boolean {
  const parts = wanted.split('*');
  if (parts.length === 1) return actual === wanted;
  const first = parts.shift()!;
  const last = parts.pop()!;
  if (!actual.startsWith(first)) return false;
  let at = first.length;
  for (const part of parts) {
    const found = actual.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return actual.length - last.length >= at && actual.endsWith(last);
}

function contains(task: TaskModel, freeText: string): boolean {
  if (freeText === '*' || freeText === '') return true;
  return JSON.stringify(taskSummary(task)).toLowerCase().includes(freeText.toLowerCase());
}

function sortTasks(tasks: TaskModel[], sort: string): void {
  const [first] = sort.split('|');
  const [field, direction] = (first ?? '').split(':');
  if (field === undefined || !Object.hasOwn(FIELDS, field)) return;
  const keyOf = FIELDS[field as Field];
  const sign = direction?.toUpperCase() === 'DESC' ? -1 : 1;
  tasks.sort((a, b) => {
    const [x, y] = [keyOf(a), keyOf(b)];
    return x === y ? 0 : x < y ? -sign : sign;
  });
}
