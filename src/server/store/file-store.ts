import { createHash } from 'node:crypto';
import { closeSync, openSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigurationError, describeThrown } from '../../core/errors.js';
import type { Changes } from '../engine/execution.js';
import type {
  EventHandler,
  Retention,
  StoredExecution,
  TaskFilter,
  WorkflowFilter,
} from '../engine/store.js';
import { ApiError, internal } from '../model/api-error.js';
import type { FullTaskDef, FullWorkflowDef } from '../model/definitions.js';
import { WorkflowGraph } from '../model/graph.js';
import {
  isTerminalWorkflow,
  TASK_STATUSES,
  type TaskLog,
  type TaskModel,
  type WorkflowModel,
} from '../model/models.js';
import { DefinitionStore, type Registered } from './definition-store.js';
import { migrate, SchemaError } from './schema.js';
import { loadSqlite, type SqlConnection, type SqlStatement, type SqlValue } from './sqlite.js';

/** How long another process may take to let go of the file, as one that is just being stopped. */
const LOCK_WAIT_MS = 500;
/** How long changes that nobody waits for are gathered into one transaction. */
const GATHER_MS = 50;
/** Rows that a search looks at in one step. */
const PAGE = 256;
/** Old workflows that one transaction removes besides as many as it adds: a smaller retention must not stop everything. */
const REMOVED_AT_ONCE = 100;
/** Definitions of finished workflows that stay parsed. */
const KEPT_DEFINITIONS = 200;

export interface FileStoreOptions {
  readonly retention?: Retention;
  /** Called once when the file cannot be written, and again only after it could be. */
  readonly onFailure?: (error: Error) => void;
  readonly open?: (file: string) => SqlConnection;
}

/** A workflow that is in memory: one that is open, or whose last changes are not written yet. */
interface Entry {
  workflow: WorkflowModel;
  readonly tasks: Map<string, TaskModel>;
  /** Tasks that a search finds. */
  readonly indexed: Set<string>;
  /** Its row in the file, and whether that says that it is open. */
  row: { readonly n: number; readonly isOpen: boolean } | undefined;
}

interface WorkflowRow {
  readonly n: number;
  readonly is_open: number;
  readonly definition: number;
  readonly state: string;
  readonly input: string;
}

interface TaskRow {
  readonly n: number;
  readonly id: string;
  readonly type: string;
  readonly is_indexed: number;
  readonly state: string;
}

/** What the next transaction writes. */
class Pending {
  readonly workflows = new Map<string, Entry>();
  /** Workflows whose input was changed. */
  readonly inputs = new Set<string>();
  readonly tasks = new Map<string, Entry>();
  readonly removedTasks = new Set<string>();
  readonly removedWorkflows = new Set<string>();
  readonly registered = new Map<string, { readonly what: Registered; readonly body: object | undefined }>();
  logs: TaskLog[] = [];
  /** Workflows that are in memory for the sake of these changes. */
  readonly touched = new Set<Entry>();

  get isEmpty(): boolean {
    return (
      this.workflows.size === 0 &&
      this.tasks.size === 0 &&
      this.removedTasks.size === 0 &&
      this.removedWorkflows.size === 0 &&
      this.registered.size === 0 &&
      this.logs.length === 0
    );
  }
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Keeps everything in a file of SQLite. Open workflows are in memory too, as the engine has them. Changes are written in
 * groups, each one transaction: at the end of the event loop's turn when somebody waits for them to be durable, and a
 * moment later otherwise. What cannot be written stays in memory and is tried again, and until then nothing is durable.
 */
export class FileStore extends DefinitionStore {
  readonly #file: string;
  readonly #identity: string;
  readonly #logIdentity: string;
  readonly #connection: SqlConnection;
  readonly #retention: Retention;
  readonly #onFailure: (error: Error) => void;
  readonly #statements = new Map<string, SqlStatement>();
  readonly #entries = new Map<string, Entry>();
  /** The workflows of the tasks that are in memory. */
  readonly #entryOfTask = new Map<string, Entry>();
  #pending = new Pending();
  #waiters: Waiter[] = [];
  #isScheduled = false;
  /** Writes what nobody waits for. */
  #gathering: NodeJS.Timeout | undefined;
  #failure: ApiError | undefined;
  #isClosed = false;
  #finished: number;
  readonly #hashes = new WeakMap<FullWorkflowDef, string>();
  readonly #numberOfHash = new Map<string, number>();
  readonly #definitions = new Map<number, FullWorkflowDef>();

  /** @throws ConfigurationError when the file cannot be used */
  constructor(file: string, options: FileStoreOptions = {}) {
    super();
    this.#file = resolve(file);
    this.#retention = options.retention ?? { finished: Infinity, age: Infinity };
    this.#onFailure = options.onFailure ?? (() => undefined);
    this.#connection = openFile(this.#file, options.open ?? loadSqlite());
    try {
      this.#loadRegistered();
      const { count } = this.#get('SELECT count(*) AS count FROM workflow WHERE is_open = 0') as {
        count: number;
      };
      this.#finished = count;
      this.#run(
        'DELETE FROM definition WHERE NOT EXISTS (SELECT 1 FROM workflow WHERE definition = definition.n)',
      );
      this.#identity = identityOf(this.#file);
      // The first transaction has made it, and only the end of the connection removes it.
      this.#logIdentity = identityOf(logOf(this.#file));
    } catch (error) {
      closeConnection(this.#connection);
      throw unusable(this.#file, error);
    }
  }

  override commit({ workflows, tasks, removed }: Changes): void {
    this.#checkOpen();
    // Whatever has to be read is read before anything is changed.
    const ids = [
      ...workflows.map(({ after }) => after.workflowId),
      ...tasks.map(({ after }) => after.workflowInstanceId),
      ...removed.map((task) => task.workflowInstanceId),
    ];
    for (const workflowId of new Set(ids)) {
      const entry = this.#load(workflowId);
      if (entry !== undefined) this.#pending.touched.add(entry);
    }
    for (const { after } of workflows) this.#putWorkflow(after);
    for (const task of removed) this.#removeTask(task);
    for (const { before, after } of tasks) this.#putTask(before, after);
    this.#schedule();
  }

  override durable(): Promise<void> {
    if (this.#pending.isEmpty) return Promise.resolve();
    return new Promise((fulfil, reject) => {
      this.#waiters.push({ resolve: fulfil, reject });
      this.#writeThisTurn();
    });
  }

  override get isFailing(): boolean {
    return this.#failure !== undefined;
  }

  override *openExecutions(): Iterable<StoredExecution> {
    this.#flush();
    const rows = this.#all('SELECT id FROM workflow WHERE is_open = 1 ORDER BY n') as { id: string }[];
    for (const { id } of rows) {
      const entry = this.#load(id);
      if (entry !== undefined) yield { workflow: entry.workflow, tasks: [...entry.tasks.values()] };
    }
  }

  override getExecution(workflowId: string): StoredExecution | undefined {
    const entry = this.#entry(workflowId);
    return entry === undefined ? undefined : { workflow: entry.workflow, tasks: [...entry.tasks.values()] };
  }

  override getWorkflow(workflowId: string): WorkflowModel | undefined {
    const entry = this.#entries.get(workflowId);
    if (entry !== undefined) return entry.workflow;
    if (this.#pending.removedWorkflows.has(workflowId)) return undefined;
    const row = this.#workflowRow(workflowId);
    return row === undefined ? undefined : this.#readWorkflow(row);
  }

  override getTask(taskId: string): TaskModel | undefined {
    const entry = this.#entryOfTask.get(taskId);
    if (entry !== undefined) return entry.tasks.get(taskId);
    if (this.#pending.removedTasks.has(taskId)) return undefined;
    const row = this.#get(
      `SELECT task.*, workflow.id AS workflow_id FROM task JOIN workflow ON workflow.n = task.workflow WHERE task.id = ?`,
      taskId,
    ) as (TaskRow & { workflow_id: string }) | undefined;
    // A workflow that is in memory has all of its tasks there, and one that is to be removed has none.
    if (row === undefined || this.#entries.has(row.workflow_id)) return undefined;
    const workflow = this.getWorkflow(row.workflow_id);
    return workflow === undefined ? undefined : this.#readTask(row, () => workflow.definition);
  }

  override removeExecution(workflowId: string): void {
    this.#checkOpen();
    const entry = this.#load(workflowId);
    if (entry === undefined) return;
    for (const task of entry.tasks.values()) this.#removeTask(task);
    this.#entries.delete(workflowId);
    this.#pending.workflows.delete(workflowId);
    this.#pending.inputs.delete(workflowId);
    this.#pending.removedWorkflows.add(workflowId);
    this.#schedule();
  }

  override *findTasks(filter: TaskFilter): Iterable<TaskModel> {
    this.#flush();
    if (filter.taskId !== undefined) {
      const found = this.getTask(filter.taskId);
      const row = this.#get('SELECT is_indexed FROM task WHERE id = ?', filter.taskId) as
        { is_indexed: number } | undefined;
      if (found !== undefined && row?.is_indexed === 1) yield found;
      return;
    }
    if (filter.workflowId !== undefined) {
      const entry = this.#entry(filter.workflowId);
      if (entry !== undefined)
        for (const task of entry.tasks.values()) if (entry.indexed.has(task.taskId)) yield task;
      return;
    }
    const { status, taskType } = filter;
    if (status === undefined && taskType === undefined) {
      yield* this.#tasks('', []);
    } else if (taskType === undefined) {
      yield* this.#tasks('status = ?', [status!], '(type, n) > (?, ?)', 'type, n');
    } else {
      for (const each of status === undefined ? TASK_STATUSES : [status])
        yield* this.#tasks('status = ? AND type = ?', [each, taskType]);
    }
  }

  override *findWorkflows(filter: WorkflowFilter): Iterable<WorkflowModel> {
    if (filter.workflowId !== undefined) {
      const found = this.getWorkflow(filter.workflowId);
      if (found !== undefined) yield found;
      return;
    }
    this.#flush();
    const { sql, values } = workflowQuery(filter);
    let last = 0;
    for (;;) {
      const rows = this.#all(sql, last, ...values) as WorkflowRow[];
      for (const row of rows) yield this.#readWorkflow(row);
      if (rows.length < PAGE) return;
      last = rows.at(-1)!.n;
    }
  }

  override addLogs(logs: readonly TaskLog[]): void {
    this.#checkOpen();
    for (const log of logs) this.#pending.logs.push(log);
    this.#schedule();
  }

  override getLogs(taskId: string): TaskLog[] {
    this.#flush();
    const rows = this.#all('SELECT created, line FROM task_log WHERE task = ? ORDER BY created, n', taskId);
    return (rows as { created: number; line: string }[]).map(({ created, line }) => ({
      taskId,
      log: line,
      createdTime: created,
    }));
  }

  /** Writes what is not written yet. */
  override close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#write();
    this.#isClosed = true;
    // What could not be written was reported, and nobody was answered that it was.
    try {
      closeConnection(this.#connection);
    } catch (error) {
      return Promise.reject(this.#error('closed', error));
    }
    return Promise.resolve();
  }

  protected override registered(what: Registered, body: object | undefined): void {
    this.#checkOpen();
    this.#pending.registered.set(`${what.kind} ${what.version} ${what.name}`, { what, body });
    this.#schedule();
  }

  // What is in memory

  #entry(workflowId: string): Entry | undefined {
    const entry = this.#entries.get(workflowId);
    if (entry !== undefined) return entry;
    if (this.#pending.removedWorkflows.has(workflowId)) return undefined;
    const row = this.#workflowRow(workflowId);
    if (row === undefined) return undefined;
    const workflow = this.#readWorkflow(row);
    const tasks = this.#all('SELECT * FROM task WHERE workflow = ? ORDER BY n', row.n) as TaskRow[];
    return {
      workflow,
      tasks: new Map(tasks.map((task) => [task.id, this.#readTask(task, () => workflow.definition)])),
      indexed: new Set(tasks.filter((task) => task.is_indexed === 1).map((task) => task.id)),
      row: { n: row.n, isOpen: row.is_open === 1 },
    };
  }

  /** From now on in memory, until its changes are written and it has ended. */
  #load(workflowId: string): Entry | undefined {
    const entry = this.#entry(workflowId);
    if (entry !== undefined && !this.#entries.has(workflowId)) {
      this.#entries.set(workflowId, entry);
      for (const taskId of entry.tasks.keys()) this.#entryOfTask.set(taskId, entry);
    }
    return entry;
  }

  #putWorkflow(workflow: WorkflowModel): void {
    const { workflowId } = workflow;
    let entry = this.#entries.get(workflowId);
    if (entry === undefined) {
      entry = { workflow, tasks: new Map(), indexed: new Set(), row: undefined };
      this.#entries.set(workflowId, entry);
      this.#pending.touched.add(entry);
      this.#pending.inputs.add(workflowId);
    } else {
      const before = entry.workflow;
      entry.workflow = workflow;
      if (before.input !== workflow.input) this.#pending.inputs.add(workflowId);
      // Tasks are written without what their workflow's definition says of them, which is another one now.
      if (before.definition !== workflow.definition)
        for (const taskId of entry.tasks.keys()) this.#pending.tasks.set(taskId, entry);
    }
    this.#pending.workflows.set(workflowId, entry);
  }

  #putTask(before: TaskModel | undefined, task: TaskModel): void {
    const entry = this.#entries.get(task.workflowInstanceId);
    if (entry === undefined) return;
    entry.tasks.set(task.taskId, task);
    if (before !== undefined) entry.indexed.add(task.taskId);
    this.#entryOfTask.set(task.taskId, entry);
    this.#pending.tasks.set(task.taskId, entry);
  }

  #removeTask({ taskId }: TaskModel): void {
    const entry = this.#entryOfTask.get(taskId);
    entry?.tasks.delete(taskId);
    entry?.indexed.delete(taskId);
    this.#entryOfTask.delete(taskId);
    this.#pending.tasks.delete(taskId);
    this.#pending.removedTasks.add(taskId);
    if (this.#pending.logs.length > 0)
      this.#pending.logs = this.#pending.logs.filter((log) => log.taskId !== taskId);
  }

  // Writing

  /** A loop of scripts makes thousands of decisions before anybody asks; writing each would cost as many waits for the disk. */
  #schedule(): void {
    if (!this.#isScheduled) this.#gathering ??= setTimeout(() => this.#writeThisTurn(), GATHER_MS);
  }

  #writeThisTurn(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // After all requests that have arrived in this turn of the loop.
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#isClosed) this.#write();
      else
        this.#settle(this.#failure ?? (this.#pending.isEmpty ? undefined : this.#error('written', 'closed')));
    });
  }

  #settle(failure: Error | undefined): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      if (failure === undefined) waiter.resolve();
      else waiter.reject(failure);
    }
  }

  /** Writes what is pending, so that all can be read from the file. @throws ApiError 500 when that does not work */
  #flush(): void {
    this.#checkOpen();
    if (!this.#pending.isEmpty) this.#write();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #write(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const pending = this.#pending;
    if (!pending.isEmpty) {
      try {
        this.#checkFiles();
        const rows = this.#transaction(pending);
        this.#written(pending, rows);
        this.#failure = undefined;
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#settle(this.#failure);
  }

  /**
   * SQLite would go on with files that nobody finds any more. The log beside the file has what the file lacks: without it
   * the next start would not know what was answered.
   */
  #checkFiles(): void {
    if (identityOf(this.#file) !== this.#identity) throw new Error('another file is in its place');
    const log = logOf(this.#file);
    let found: string;
    try {
      found = identityOf(log);
    } catch (cause) {
      const way = 'Put it back, or stop the server, which then writes everything into the file';
      throw new Error(`its log ${log} is missing. ${way}`, { cause });
    }
    if (found !== this.#logIdentity) throw new Error(`another file is in the place of its log ${log}`);
  }

  #failed(error: unknown): void {
    // What was numbered by the transaction that is undone.
    this.#numberOfHash.clear();
    this.#definitions.clear();
    const isNew = this.#failure === undefined;
    this.#failure = this.#error('written', error);
    if (isNew) this.#onFailure(this.#failure);
  }

  /** @returns the rows of the written workflows, and how many finished ones there are now */
  #transaction(pending: Pending): { rows: Map<Entry, Entry['row']>; finished: number } {
    this.#connection.exec('BEGIN IMMEDIATE');
    try {
      let finished = this.#finished;
      for (const workflowId of pending.removedWorkflows) {
        const row = this.#workflowRow(workflowId);
        if (row === undefined) continue;
        if (row.is_open === 0) finished -= 1;
        this.#deleteWorkflow(row.n, row.definition);
      }
      for (const taskId of pending.removedTasks) {
        this.#run('DELETE FROM task_log WHERE task = ?', taskId);
        this.#run('DELETE FROM task WHERE id = ?', taskId);
      }
      const rows = new Map<Entry, Entry['row']>();
      let ended = 0;
      let now = 0;
      for (const [workflowId, entry] of pending.workflows) {
        const { workflow } = entry;
        const isOpen = !isTerminalWorkflow(workflow.status);
        const n = this.#writeWorkflow(entry, isOpen, pending.inputs.has(workflowId));
        rows.set(entry, { n, isOpen });
        const wasFinished = entry.row !== undefined && !entry.row.isOpen;
        if (!isOpen && !wasFinished) {
          ended += 1;
          now = Math.max(now, workflow.endTime);
        }
        finished += Number(!isOpen) - Number(wasFinished);
      }
      for (const [taskId, entry] of pending.tasks) {
        const n = (rows.get(entry) ?? entry.row)?.n;
        const task = entry.tasks.get(taskId);
        if (n !== undefined && task !== undefined) this.#writeTask(task, n, entry);
      }
      for (const { taskId, createdTime, log } of pending.logs)
        this.#run('INSERT INTO task_log (task, created, line) VALUES (?, ?, ?)', taskId, createdTime, log);
      for (const { what, body } of pending.registered.values()) this.#writeRegistered(what, body);
      if (ended > 0) finished -= this.#removeOld(finished, now, ended);
      this.#connection.exec('COMMIT');
      return { rows, finished };
    } catch (error) {
      try {
        this.#connection.exec('ROLLBACK');
      } catch {
        // SQLite has done so itself, as with a full disk.
      }
      throw error;
    }
  }

  #written(pending: Pending, { rows, finished }: { rows: Map<Entry, Entry['row']>; finished: number }): void {
    this.#pending = new Pending();
    this.#finished = finished;
    for (const [entry, row] of rows) entry.row = row;
    for (const entry of pending.touched) {
      if (isTerminalWorkflow(entry.workflow.status)) this.#leave(entry);
    }
  }

  /** It is in the file, and nothing more is expected. */
  #leave(entry: Entry): void {
    const { workflowId } = entry.workflow;
    if (this.#entries.get(workflowId) !== entry) return;
    this.#entries.delete(workflowId);
    for (const taskId of entry.tasks.keys()) this.#entryOfTask.delete(taskId);
  }

  #writeWorkflow(entry: Entry, isOpen: boolean, isInputChanged: boolean): number {
    const { definition, input, ...state } = entry.workflow;
    const { lastInsertRowid } = this.#run(
      `INSERT INTO workflow (n, id, definition, name, status, is_open, correlation_id, parent_id, end_time, state)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (n) DO UPDATE SET definition = excluded.definition, name = excluded.name, status = excluded.status,
         is_open = excluded.is_open, correlation_id = excluded.correlation_id, parent_id = excluded.parent_id,
         end_time = excluded.end_time, state = excluded.state`,
      entry.row?.n ?? null,
      state.workflowId,
      this.#definitionNumber(definition),
      definition.name,
      state.status,
      isOpen ? 1 : 0,
      state.correlationId ?? null,
      state.parentWorkflowId ?? null,
      Math.round(state.endTime),
      JSON.stringify(state),
    );
    const n = entry.row?.n ?? Number(lastInsertRowid);
    if (isInputChanged || entry.row === undefined)
      this.#run(
        'INSERT OR REPLACE INTO workflow_input (workflow, input) VALUES (?, ?)',
        n,
        JSON.stringify(input),
      );
    return n;
  }

  #writeTask(task: TaskModel, workflow: number, entry: Entry): void {
    const graph = WorkflowGraph.of(entry.workflow.definition);
    const { workflowTask, ...state } = task;
    const isDefined = graph.get(graph.baseOf(task.referenceTaskName)) === workflowTask;
    this.#run(
      `INSERT INTO task (id, workflow, type, status, is_indexed, state) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET type = excluded.type, status = excluded.status, is_indexed = excluded.is_indexed,
         state = excluded.state`,
      task.taskId,
      workflow,
      task.taskType,
      task.status,
      entry.indexed.has(task.taskId) ? 1 : 0,
      JSON.stringify(isDefined ? state : task),
    );
  }

  #writeRegistered({ kind, name, version }: Registered, body: object | undefined): void {
    if (body === undefined) {
      this.#run('DELETE FROM registered WHERE kind = ? AND name = ? AND version = ?', kind, name, version);
      return;
    }
    this.#run(
      `INSERT INTO registered (kind, name, version, body) VALUES (?, ?, ?, ?)
       ON CONFLICT (kind, name, version) DO UPDATE SET body = excluded.body`,
      kind,
      name,
      version,
      JSON.stringify(body),
    );
  }

  /** @returns how many workflows are gone */
  #removeOld(finished: number, now: number, ended: number): number {
    const most = ended + REMOVED_AT_ONCE;
    const tooMany = Math.min(Math.max(finished - this.#retention.finished, 0), most);
    const oldest = this.#all(
      `SELECT n, definition, end_time FROM workflow WHERE is_open = 0 ORDER BY end_time LIMIT ${most}`,
    ) as { n: number; definition: number; end_time: number }[];
    const old = oldest.filter(
      ({ end_time: end }, index) => index < tooMany || now - end > this.#retention.age,
    );
    for (const { n, definition } of old) this.#deleteWorkflow(n, definition);
    return old.length;
  }

  #deleteWorkflow(n: number, definition: number): void {
    this.#run('DELETE FROM task_log WHERE task IN (SELECT id FROM task WHERE workflow = ?)', n);
    this.#run('DELETE FROM task WHERE workflow = ?', n);
    this.#run('DELETE FROM workflow_input WHERE workflow = ?', n);
    this.#run('DELETE FROM workflow WHERE n = ?', n);
    const { changes } = this.#run(
      'DELETE FROM definition WHERE n = ?1 AND NOT EXISTS (SELECT 1 FROM workflow WHERE definition = ?1)',
      definition,
    );
    if (Number(changes) === 0) return;
    this.#numberOfHash.clear();
    this.#definitions.delete(definition);
  }

  // Definitions that workflows run

  #definitionNumber(definition: FullWorkflowDef): number {
    let hash = this.#hashes.get(definition);
    let body: string | undefined;
    if (hash === undefined) {
      body = JSON.stringify(definition);
      hash = createHash('sha256').update(body).digest('base64');
      this.#hashes.set(definition, hash);
    }
    const known = this.#numberOfHash.get(hash);
    if (known !== undefined) return known;
    const row = this.#get('SELECT n FROM definition WHERE hash = ?', hash) as { n: number } | undefined;
    const n =
      row?.n ??
      Number(
        this.#run(
          'INSERT INTO definition (hash, body) VALUES (?, ?)',
          hash,
          body ?? JSON.stringify(definition),
        ).lastInsertRowid,
      );
    if (this.#numberOfHash.size >= KEPT_DEFINITIONS) this.#numberOfHash.clear();
    this.#numberOfHash.set(hash, n);
    return n;
  }

  #definition(n: number): FullWorkflowDef {
    const known = this.#definitions.get(n);
    if (known !== undefined) return known;
    const row = this.#get('SELECT body FROM definition WHERE n = ?', n) as { body: string } | undefined;
    if (row === undefined) throw this.#error('read', `it lacks the definition ${n}`);
    const definition = this.#parse<FullWorkflowDef>(row.body);
    if (this.#definitions.size >= KEPT_DEFINITIONS) this.#definitions.clear();
    this.#definitions.set(n, definition);
    return definition;
  }

  #loadRegistered(): void {
    const rows = this.#all('SELECT kind, body FROM registered ORDER BY n') as {
      kind: string;
      body: string;
    }[];
    for (const { kind, body } of rows) {
      if (kind === 'task') this.putTaskDef(this.#parse<FullTaskDef>(body));
      else if (kind === 'workflow') this.putWorkflowDef(this.#parse<FullWorkflowDef>(body));
      else this.putEventHandler(this.#parse<EventHandler>(body));
    }
    // That is where they came from.
    this.#pending = new Pending();
  }

  // Reading

  #workflowRow(workflowId: string): WorkflowRow | undefined {
    return this.#get(`${SELECT_WORKFLOW} WHERE id = ?`, workflowId) as WorkflowRow | undefined;
  }

  #readWorkflow(row: WorkflowRow): WorkflowModel {
    return {
      ...this.#parse<Omit<WorkflowModel, 'definition' | 'input'>>(row.state),
      definition: this.#definition(row.definition),
      input: this.#parse(row.input),
    };
  }

  #readTask({ state }: Pick<TaskRow, 'state'>, definition: () => FullWorkflowDef): TaskModel {
    const task = this.#parse<TaskModel>(state);
    if (task.workflowTask !== undefined) return task;
    const graph = WorkflowGraph.of(definition());
    const workflowTask = graph.get(graph.baseOf(task.referenceTaskName));
    if (workflowTask === undefined) throw this.#error('read', `its task ${task.taskId} has no definition`);
    return { ...task, workflowTask };
  }

  #parse<T>(text: string): T {
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw this.#error('read', `${REASONS['SQLITE_CORRUPT']} (${describeThrown(error)})`);
    }
  }

  /** Pages, so that neither all rows are in memory nor a statement stays open while something is written. */
  *#tasks(condition: string, values: readonly SqlValue[], after = 'n > ?', order = 'n'): Iterable<TaskModel> {
    // As with workflows: the planner would rather walk over all rows in their order.
    const from = condition === '' ? 'task' : 'task INDEXED BY task_by_status_and_type';
    const filter = condition === '' ? '' : ` AND ${condition}`;
    let last: SqlValue[] = order === 'n' ? [0] : ['', 0];
    for (;;) {
      const rows = this.#all(
        `SELECT * FROM ${from} WHERE is_indexed = 1${filter} AND ${after} ORDER BY ${order} LIMIT ${PAGE}`,
        ...values,
        ...last,
      ) as (TaskRow & { workflow: number })[];
      for (const row of rows) yield this.#readTask(row, () => this.#definitionOfRow(row.workflow));
      if (rows.length < PAGE) return;
      const { n, type } = rows.at(-1)!;
      last = order === 'n' ? [n] : [type, n];
    }
  }

  #definitionOfRow(workflow: number): FullWorkflowDef {
    const row = this.#get('SELECT definition FROM workflow WHERE n = ?', workflow) as { definition: number };
    return this.#definition(row.definition);
  }

  #get(sql: string, ...values: SqlValue[]): unknown {
    return this.#do(sql, (statement) => statement.get(...values));
  }

  #all(sql: string, ...values: SqlValue[]): unknown[] {
    return this.#do(sql, (statement) => statement.all(...values));
  }

  #run(sql: string, ...values: SqlValue[]): ReturnType<SqlStatement['run']> {
    return this.#do(sql, (statement) => statement.run(...values));
  }

  #do<T>(sql: string, action: (statement: SqlStatement) => T): T {
    this.#checkOpen();
    let statement = this.#statements.get(sql);
    try {
      if (statement === undefined) this.#statements.set(sql, (statement = this.#connection.prepare(sql)));
      return action(statement);
    } catch (error) {
      throw this.#error(sql.startsWith('SELECT') ? 'read' : 'written', error);
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw this.#error('used', 'the server is closed');
  }

  #error(what: string, error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    const reason = typeof error === 'string' ? error : reasonOf(error);
    return internal(`The file ${this.#file} of the embedded server cannot be ${what}: ${reason}`);
  }
}

const SELECT_WORKFLOW =
  'SELECT workflow.*, workflow_input.input FROM workflow INNER JOIN workflow_input ON workflow_input.workflow = workflow.n';

/** One page of workflows behind a row number, by the index that narrows them down most. */
export function workflowQuery(filter: WorkflowFilter): { sql: string; values: string[] } {
  const given: [condition: string, value: string | undefined][] = [
    ['parent_id = ?', filter.parentId],
    ['correlation_id = ?', filter.correlationId],
    ['name = ?', filter.name],
    ['status = ?', filter.status],
  ];
  const used = given.filter(([, value]) => value !== undefined);
  const conditions = used.map(([condition]) => ` AND ${condition}`).join('');
  const index = workflowIndex(filter);
  const from =
    index === undefined
      ? SELECT_WORKFLOW
      : SELECT_WORKFLOW.replace('FROM workflow ', `FROM workflow INDEXED BY ${index} `);
  return {
    sql: `${from} WHERE n > ?${conditions} ORDER BY n LIMIT ${PAGE}`,
    values: used.map(([, value]) => value!),
  };
}

function workflowIndex({ parentId, correlationId, name, status }: WorkflowFilter): string | undefined {
  if (parentId !== undefined) return 'workflow_by_parent';
  if (correlationId !== undefined) return 'workflow_by_correlation';
  if (name !== undefined) return status === undefined ? 'workflow_by_name' : 'workflow_by_name_and_status';
  return status === undefined ? undefined : 'workflow_by_status';
}

/** @throws ConfigurationError */
function openFile(file: string, open: (file: string) => SqlConnection): SqlConnection {
  let connection: SqlConnection | undefined;
  try {
    // SQLite would make it readable by everyone; its other files get the rights of this one.
    closeSync(openSync(file, 'a', 0o600));
    connection = open(file);
    connection.exec(`PRAGMA busy_timeout = ${LOCK_WAIT_MS}`);
    // One server at a time. The lock is the system's, and ends with the process.
    connection.exec('PRAGMA locking_mode = EXCLUSIVE');
    connection.exec('PRAGMA journal_mode = WAL');
    connection.exec('PRAGMA synchronous = FULL');
    connection.exec('PRAGMA cache_size = -16000');
    connection.exec('PRAGMA wal_autocheckpoint = 4000');
    migrate(connection);
    return connection;
  } catch (error) {
    if (connection !== undefined) closeConnection(connection);
    throw unusable(file, error);
  }
}

/**
 * Lets go of the file, which is complete then without the log beside it. Closing alone is not enough: with libsql a connection
 * lives on, with its lock, until the garbage collector has found all of its statements.
 */
function closeConnection(connection: SqlConnection): void {
  try {
    connection.exec('PRAGMA journal_mode = DELETE');
    connection.exec('PRAGMA locking_mode = NORMAL');
    connection.prepare('SELECT count(*) FROM sqlite_schema').get();
  } catch {
    // A full disk, a damaged file: the next start does with the log what could not be done now.
  } finally {
    connection.close();
  }
}

function unusable(file: string, error: unknown): ConfigurationError {
  if (error instanceof ConfigurationError) return error;
  const reason = error instanceof SchemaError ? error.message : `cannot be used: ${reasonOf(error)}`;
  return new ConfigurationError('CONFIG_INVALID', `embeddedServer({ file }): ${file} ${reason}`, {
    cause: error,
    details: { file },
  });
}

const SQLITE_CODES: Readonly<Record<string, string>> = {
  5: 'SQLITE_BUSY',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  26: 'SQLITE_NOTADB',
};

const REASONS: Readonly<Record<string, string>> = {
  SQLITE_BUSY: 'another server or program has it open. Stop that one, or give another path',
  SQLITE_NOTADB:
    'it is no database of SQLite, or its beginning is damaged. Restore it from a copy, or give another path',
  SQLITE_CORRUPT: 'it is damaged. Restore it from a copy, or give another path',
  SQLITE_FULL: 'the disk is full',
  ENOENT: 'the folder or the file does not exist',
  EACCES: 'this user has no right to',
  EISDIR: 'it is a folder',
};

function reasonOf(error: unknown): string {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  // The lower eight bits are the code; what is above makes it more precise.
  const name = typeof errcode === 'number' ? (SQLITE_CODES[errcode & 0xff] ?? '') : String(code);
  const reason =
    REASONS[name] ?? REASONS[Object.values(SQLITE_CODES).find((known) => name.startsWith(known)) ?? ''];
  const text = describeThrown(error);
  return reason === undefined ? text : `${reason} (${text})`;
}

/** What SQLite writes first, and from time to time into the file. */
function logOf(file: string): string {
  return `${file}-wal`;
}

function identityOf(file: string): string {
  const { dev, ino } = statSync(file, { bigint: true });
  return `${dev}:${ino}`;
}
