import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** The ids of all processes that `pid` started, and that those started; without `pid` itself. */
export function descendantsOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const [child, parent] of parentIds()) {
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [child]);
    else siblings.push(child);
  }
  const found: number[] = [];
  const queue = [pid];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const child of children.get(next) ?? []) {
      found.push(child);
      queue.push(child);
    }
  }
  return found;
}

/**
 * Processor time of `pid` and everything that it started, in clock ticks since their start; `undefined` without
 * /proc, or when the process is gone.
 */
export function cpuTicksOfTree(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const own = cpuTicks(pid);
  if (own === undefined) return undefined;
  return descendantsOf(pid).reduce((sum, child) => sum + (cpuTicks(child) ?? 0), own);
}

/** Own time and that of children that have ended and were waited for. */
function cpuTicks(pid: number): number | undefined {
  const fields = statFields(pid);
  return fields === undefined
    ? undefined
    : fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
}

/** SIGKILL for `pid` and all its descendants. A process that is gone already is no error. */
export function killTree(pid: number): void {
  // Descendants are listed first: once their parent is dead, nothing tells that they were its children.
  const pids = [...descendantsOf(pid), pid];
  for (const target of pids) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // Gone meanwhile.
    }
  }
}

function parentIds(): [pid: number, parent: number][] {
  if (process.platform === 'linux') return parentIdsFromProc();
  if (process.platform === 'win32') return [];
  try {
    return execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8', timeout: 5_000 })
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
      .filter((ids): ids is [number, number] => ids.length === 2 && ids.every(Number.isInteger));
  } catch {
    return [];
  }
}

function parentIdsFromProc(): [number, number][] {
  const pairs: [number, number][] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const fields = statFields(Number(entry));
    if (fields !== undefined) pairs.push([Number(entry), Number(fields[1])]);
  }
  return pairs;
}

/** The fields of /proc/PID/stat from the state on; `undefined` when the process is gone. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces and parentheses; the fields after the last one are safe.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
