import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface ProcessIds {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

/** The ids of all processes that `pid` started, and that those started; without `pid` itself. */
export function descendantsOf(pid: number): number[] {
  return descendants(pid, allProcesses()).map((child) => child.pid);
}

/** SIGKILL for `pid` and all its descendants. A process that is gone already is no error. */
export function killTree(pid: number): void {
  // Descendants are listed first: once their parent is dead, nothing tells that they were its children.
  killAll([...descendantsOf(pid), pid]);
}

/** SIGKILL for the descendants of this process, but for those that were started `detached`, to go on without it. */
export function killCompanions(): void {
  const all = allProcesses();
  const group = all.find(({ pid }) => pid === process.pid)?.group;
  killAll(descendants(process.pid, all).flatMap((one) => (one.group === group ? one.pid : [])));
}

function killAll(pids: readonly number[]): void {
  for (const target of pids) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // Gone meanwhile.
    }
  }
}

function descendants(pid: number, all: readonly ProcessIds[]): ProcessIds[] {
  const children = new Map<number, ProcessIds[]>();
  for (const child of all) {
    const siblings = children.get(child.parent);
    if (siblings === undefined) children.set(child.parent, [child]);
    else siblings.push(child);
  }
  const found: ProcessIds[] = [];
  const queue = [pid];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const child of children.get(next) ?? []) {
      found.push(child);
      queue.push(child.pid);
    }
  }
  return found;
}

function allProcesses(): ProcessIds[] {
  if (process.platform === 'linux') return allFromProc();
  if (process.platform === 'win32') return [];
  try {
    const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,pgid='], { encoding: 'utf8', timeout: 5_000 });
    return text.split('\n').flatMap((line) => {
      const [pid, parent, group] = line.trim().split(/\s+/).map(Number);
      return Number.isInteger(group) ? [{ pid: pid!, parent: parent!, group: group! }] : [];
    });
  } catch {
    return [];
  }
}

function allFromProc(): ProcessIds[] {
  return readdirSync('/proc').flatMap((entry) => {
    const fields = /^\d+$/.test(entry) ? statFields(Number(entry)) : undefined;
    return fields === undefined
      ? []
      : [{ pid: Number(entry), parent: Number(fields[1]), group: Number(fields[2]) }];
  });
}

/** The fields of /proc/PID/stat from the state on; `undefined` when the process is gone. */
export function statFields(pid: number): string[] | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Up to the resident memory, which every kernel has. */
const MIN_STAT_FIELDS = 22;

/**
 * The fields from the state on; `undefined` for what is not such a line.
 *
 * @param text - of /proc/PID/stat: the name in parentheses may hold anything, a line break and parentheses too
 */
export function parseStat(text: string): string[] | undefined {
  const end = text.lastIndexOf(')');
  if (end === -1) return undefined;
  const fields = text
    .slice(end + 1)
    .trim()
    .split(/\s+/);
  const [state = '', ...numbers] = fields;
  const isWhole = fields.length >= MIN_STAT_FIELDS && /^[A-Za-z]$/.test(state) && numbers.every(isInteger);
  return isWhole ? fields : undefined;
}

function isInteger(field: string): boolean {
  return /^-?\d+$/.test(field);
}
