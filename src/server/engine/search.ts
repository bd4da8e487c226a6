import type { SearchResult, TaskStatus, WorkflowStatus } from '../../conductor/wire/types.js';
import { badRequest } from '../model/api-error.js';
import type { TaskModel, WorkflowModel } from '../model/models.js';
import { taskSummary, workflowSummary } from '../model/views.js';
import type { Store } from './store.js';

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
  readonly field: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}
type Fields<T> = Readonly<Record<string, (row: T) => string | number>>;

const TASK_FIELDS: Fields<TaskModel> = {
  workflowId: (task) => task.workflowInstanceId,
  correlationId: (task) => task.correlationId ?? '',
  workflowType: (task) => task.workflowType,
  startTime: (task) => task.startTime,
  endTime: (task) => task.endTime,
  updateTime: (task) => task.updateTime,
  status: (task) => task.status,
  taskId: (task) => task.taskId,
  taskType: (task) => task.taskType,
  taskDefName: (task) => task.taskDefName,
};

const WORKFLOW_FIELDS: Fields<WorkflowModel> = {
  workflowId: (workflow) => workflow.workflowId,
  correlationId: (workflow) => workflow.correlationId ?? '',
  workflowType: (workflow) => workflow.definition.name,
  startTime: (workflow) => workflow.createTime,
  endTime: (workflow) => workflow.endTime,
  updateTime: (workflow) => workflow.updateTime,
  status: (workflow) => workflow.status,
  parentWorkflowId: (workflow) => workflow.parentWorkflowId ?? '',
};

/** Finds tasks. As on the real server, conditions on fields that are not indexed (`workerId`) are dropped. */
export function searchTasks(store: Store, request: SearchRequest): SearchResult<TaskModel> {
  const conditions = parseQuery(request.query, TASK_FIELDS);
  const candidates = store.findTasks({
    taskId: exact(conditions, 'taskId'),
    workflowId: exact(conditions, 'workflowId'),
    taskType: exact(conditions, 'taskType'),
    status: exact(conditions, 'status') as TaskStatus | undefined,
  });
  return page(candidates, conditions, request, TASK_FIELDS, (task) => taskSummary(task));
}

/** Finds workflows. */
export function searchWorkflows(
  store: Store,
  request: SearchRequest & { readonly topLevelOnly?: boolean },
): SearchResult<WorkflowModel> {
  const conditions = parseQuery(request.query, WORKFLOW_FIELDS);
  const candidates = store.findWorkflows({
    workflowId: exact(conditions, 'workflowId'),
    name: exact(conditions, 'workflowType'),
    status: exact(conditions, 'status') as WorkflowStatus | undefined,
    correlationId: exact(conditions, 'correlationId'),
    parentId: exact(conditions, 'parentWorkflowId'),
  });
  const wanted = request.topLevelOnly === true ? topLevel(candidates) : candidates;
  return page(wanted, conditions, request, WORKFLOW_FIELDS, workflowSummary);
}

function* topLevel(workflows: Iterable<WorkflowModel>): Iterable<WorkflowModel> {
  for (const workflow of workflows) if (workflow.parentWorkflowId === undefined) yield workflow;
}

function page<T>(
  candidates: Iterable<T>,
  conditions: readonly Condition[],
  request: SearchRequest,
  fields: Fields<T>,
  summary: (row: T) => unknown,
): SearchResult<T> {
  const text = request.freeText === '*' ? '' : `*${request.freeText.toLowerCase()}*`;
  const first = new FirstRows(request.start + request.size, orderOf(request.sort, fields));
  for (const row of candidates) {
    if (!conditions.every((condition) => meets(fields[condition.field]!(row), condition))) continue;
    if (text === '' || matches(JSON.stringify(summary(row)).toLowerCase(), text)) first.add(row);
  }
  return { totalHits: first.total, results: first.rows().slice(request.start) };
}

/** Keeps the first rows of an order, and counts all: what is found may be more than fits into memory. */
class FirstRows<T> {
  total = 0;
  readonly #count: number;
  readonly #order: ((a: T, b: T) => number) | undefined;
  #rows: T[] = [];

  constructor(count: number, order: ((a: T, b: T) => number) | undefined) {
    this.#count = count;
    this.#order = order;
  }

  add(row: T): void {
    this.total += 1;
    if (this.#order === undefined) {
      if (this.#rows.length < this.#count) this.#rows.push(row);
      return;
    }
    this.#rows.push(row);
    if (this.#rows.length > 2 * this.#count + 1_000) this.#rows = this.rows();
  }

  rows(): T[] {
    if (this.#order !== undefined) this.#rows.sort(this.#order);
    return this.#rows.slice(0, this.#count);
  }
}

function exact(conditions: readonly Condition[], field: string): string | undefined {
  const condition = conditions.find(
    (c) => c.field === field && c.operator === '=' && c.values[0] !== '' && !c.values[0]!.includes('*'),
  );
  return condition?.values[0];
}

function parseQuery<T>(query: string, fields: Fields<T>): Condition[] {
  if (query.trim() === '') return [];
  return query.split(' AND ').flatMap((term) => {
    const [, field, operator, text] = /^\s*([a-zA-Z]+)\s?(=|>|<|IN)\s?(.*)$/s.exec(term) ?? [];
    if (field === undefined || operator === undefined || text === undefined) {
      throw badRequest(`Incorrectly formatted query string: ${query}`);
    }
    if (!Object.hasOwn(fields, field)) return [];
    const plain = text.replace(/['"()]/g, '').trim();
    const values = operator === 'IN' ? plain.split(',') : [plain];
    return [{ field, operator: operator as Operator, values }];
  });
}

function meets(actual: string | number, { operator, values }: Condition): boolean {
  if (operator === '>') return Number(actual) > Number(values[0]);
  if (operator === '<') return Number(actual) < Number(values[0]);
  return values.some((value) => matches(String(actual), value));
}

/** Whether a text is what a pattern with `*` for any run of characters says. Each part is looked for once. */
export function matches(actual: string, wanted: string): boolean {
  if (!wanted.includes('*')) return actual === wanted;
  const parts = wanted.split('*');
  const [first, last] = [parts[0]!, parts.at(-1)!];
  if (actual.length < first.length + last.length) return false;
  if (!actual.startsWith(first) || !actual.endsWith(last)) return false;
  const end = actual.length - last.length;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = actual.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

function orderOf<T>(sort: string, fields: Fields<T>): ((a: T, b: T) => number) | undefined {
  const keys = sort.split('|').flatMap((part) => {
    const [field = '', direction] = part.split(':');
    return Object.hasOwn(fields, field)
      ? [{ keyOf: fields[field]!, sign: direction?.toUpperCase() === 'DESC' ? -1 : 1 }]
      : [];
  });
  if (keys.length === 0) return undefined;
  return (a, b) => {
    for (const { keyOf, sign } of keys) {
      const [x, y] = [keyOf(a), keyOf(b)];
      if (x !== y) return x < y ? -sign : sign;
    }
    return 0;
  };
}
