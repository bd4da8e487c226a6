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
export function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces and parentheses; the fields after the last one are safe.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
