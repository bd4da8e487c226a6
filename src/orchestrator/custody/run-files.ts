import type { WorkerIdentity } from '../../protocol/messages.js';
/** What a run is a run of; for people, and for commands that look at what it has left. */
export interface RunSubject {
  readonly entry: string;
  readonly serverUrl: string;
  /** How long its worker processes may go on without it, in milliseconds. */
  readonly orphanGraceMs?: number | undefined;
}

/** The process that a run belongs to, as `owner.json` names it. */
export interface RunOwner extends Partial<RunSubject> {
  readonly pid: number;
  readonly host: string;
  readonly startTime?: string | undefined;
  /** Of the kernel; `undefined` outside of Linux. */
  readonly bootId?: string | undefined;
  /** The namespace in which `pid` means something; `undefined` outside of Linux. */
  readonly pidNamespace?: string | undefined;
}

/** A worker with the process that it was in; one line of `workers.jsonl`. */
export interface WorkerNote extends WorkerIdentity {
  readonly pid: number | undefined;
  readonly startTime: string | undefined;
}

/** Larger files are not ours: one note has about 200 bytes, and each start of a process writes a few. */
export const MAX_RUN_FILE_BYTES = 64 * 1024 * 1024;

/** `undefined` for what is not an owner. */
export function parseOwner(text: string): RunOwner | undefined {
  const value = parseObject(text);
  if (value === undefined) return undefined;
  const { pid, host, orphanGraceMs } = value;
  if (!isPid(pid) || typeof host !== 'string') return undefined;
  return {
    pid,
    host,
    startTime: textOf(value['startTime']),
    bootId: textOf(value['bootId']),
    pidNamespace: textOf(value['pidNamespace']),
    entry: textOf(value['entry']),
    serverUrl: textOf(value['serverUrl']),
    orphanGraceMs: typeof orphanGraceMs === 'number' && orphanGraceMs >= 0 ? orphanGraceMs : undefined,
  } as RunOwner;
}

/** The notes that are whole: the last line may be cut off by a crash. */
export function parseWorkerNotes(text: string): WorkerNote[] {
  return text.split('\n').flatMap((line) => {
    const value = parseObject(line);
    const taskType = textOf(value?.['taskType']);
    const workerId = textOf(value?.['workerId']);
    if (value === undefined || taskType === undefined || workerId === undefined) return [];
    const { pid } = value;
    return [{ taskType, workerId, pid: isPid(pid) ? pid : undefined, startTime: textOf(value['startTime']) }];
  });
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Of a process, not of a group: 0 and negative numbers would mean many. */
function isPid(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
