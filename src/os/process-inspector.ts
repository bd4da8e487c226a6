import { existsSync, readFileSync } from 'node:fs';
import { hasInspector, isTraced } from './debugger-check.js';
import { descendantsOf, statFields } from './process-tree.js';

/** One look at a process from outside. */
export interface ProcessSample {
  /** Stopped by a signal. */
  readonly isStopped: boolean;
  /** It has a processor, or would take one if it got one. */
  readonly isRunning: boolean;
  /** Processor time of the process and of children that it has waited for, in milliseconds since its start. */
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** What the living descendants of a process do. */
export interface DescendantSample {
  /** Processor time of all of them, in milliseconds. */
  readonly cpuMs: number;
  /** How long ago the youngest one that is neither stopped nor dead was started; `Infinity` without one. */
  readonly youngestAgeMs: number;
}

/** The port to what the operating system tells of processes. */
export abstract class ProcessInspector {
  /** Whether it tells anything; without it nobody knows whether a silent process computes or hangs. */
  abstract readonly isSupported: boolean;
  /** Cheap; `undefined` when the process is gone, or nothing is told. */
  abstract sample(pid: number): ProcessSample | undefined;
  /** Reads the list of all processes: for those only that are silent. */
  abstract descendants(pid: number): DescendantSample;
  /** Whether a debugger may hold the process. Costs most: for those only that are to be killed. */
  abstract isHeldByDebugger(pid: number): Promise<boolean>;
}

/** `USER_HZ`, which is 100 on every Linux that Node.js runs on. */
const TICK_MS = 10;
const STATE = 0;
const UTIME = 11;
const CSTIME = 14;
const START_TIME = 19;
const RESIDENT_PAGES = 21;

/** Reads /proc. Where there is none, nothing is told. */
export class ProcInspector extends ProcessInspector {
  override readonly isSupported = process.platform === 'linux' && existsSync('/proc/self/stat');
  readonly #pageBytes = this.isSupported ? pageSize() : 0;

  override sample(pid: number): ProcessSample | undefined {
    const fields = this.isSupported ? statFields(pid) : undefined;
    if (fields === undefined) return undefined;
    return {
      isStopped: isStopped(fields),
      isRunning: fields[STATE] === 'R',
      cpuMs: cpuMsOf(fields),
      residentBytes: Number(fields[RESIDENT_PAGES]) * this.#pageBytes,
    };
  }

  override descendants(pid: number): DescendantSample {
    const now = this.isSupported ? uptimeMs() : 0;
    let cpuMs = 0;
    let youngestAgeMs = Infinity;
    for (const child of this.isSupported ? descendantsOf(pid) : []) {
      const fields = statFields(child);
      if (fields === undefined) continue;
      cpuMs += cpuMsOf(fields);
      const isIdle = isStopped(fields) || fields[STATE] === 'Z' || fields[STATE] === 'X';
      if (!isIdle) youngestAgeMs = Math.min(youngestAgeMs, now - Number(fields[START_TIME]) * TICK_MS);
    }
    return { cpuMs, youngestAgeMs };
  }

  override async isHeldByDebugger(pid: number): Promise<boolean> {
    return this.isSupported && (isTraced(pid) || (await hasInspector(pid)));
  }
}

function isStopped(fields: readonly string[]): boolean {
  return fields[STATE] === 'T';
}

function cpuMsOf(fields: readonly string[]): number {
  return fields.slice(UTIME, CSTIME + 1).reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_MS;
}

function uptimeMs(): number {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1_000;
}

/** Told by the system in no file: this process knows its resident memory in bytes, and reads it in pages. */
function pageSize(): number {
  const pages = Number(statFields(process.pid)?.[RESIDENT_PAGES] ?? 0);
  const bytes = pages === 0 ? 4_096 : process.memoryUsage.rss() / pages;
  return 2 ** Math.round(Math.log2(bytes));
}
