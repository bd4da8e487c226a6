import { readdirSync, readFileSync } from 'node:fs';

/** A process as `/proc` shows it. The start time tells it from a later one with the same id. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly state: string;
  readonly startedAt: string;
}

/** All processes that are alive; the dead that nobody has waited for are left out. Linux only. */
export function processTable(): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readProc(name, 'stat');
    if (stat === undefined) continue;
    // The name in parentheses may hold anything; the fields behind it are safe.
    const [state = '', parent = '', ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') continue;
    entries.push({ pid: Number(name), parent: Number(parent), state, startedAt: rest[17] ?? '' });
  }
  return entries;
}

/** `pid` and everything that it started, as far as the parents are alive. */
export function familyOf(pid: number, table: readonly ProcessEntry[] = processTable()): ProcessEntry[] {
  const family = table.filter((entry) => entry.pid === pid);
  for (let size = -1; size !== family.length;) {
    size = family.length;
    const pids = new Set(family.map((entry) => entry.pid));
    family.push(...table.filter((entry) => pids.has(entry.parent) && !pids.has(entry.pid)));
  }
  return family;
}

/** Whether the process was started with this variable: orphans keep it, whoever their parent is. */
export function hasVariable(pid: number, name: string, value: string): boolean {
  return readProc(pid, 'environ')?.split('\0').includes(`${name}=${value}`) === true;
}

/** Command line, for messages. */
export function commandOf(pid: number): string {
  return readProc(pid, 'cmdline')?.split('\0').join(' ').trim().slice(0, 100) ?? '(gone)';
}

export function isAlive(pid: number): boolean {
  return processTable().some((entry) => entry.pid === pid);
}

/** SIGKILL for one process; one that is gone already is no error. */
export function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone meanwhile.
  }
}

function readProc(pid: number | string, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // Gone while the list was read, or somebody else's.
    return undefined;
  }
}
