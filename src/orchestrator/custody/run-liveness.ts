import { readFileSync, readlinkSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { readPrivateFile } from '../../os/private-files.js';
import { statFields } from '../../os/process-tree.js';
import {
  MAX_RUN_FILE_BYTES,
  parseOwner,
  parseWorkerNotes,
  type RunOwner,
  type RunSubject,
  type WorkerNote,
} from './run-files.js';
import { isRunSocketHeld } from './run-socket.js';

/** How often a run shows that it is alive, and after how long without it is taken for dead. */
export const TOUCH_MS = 10_000;
export const DEAD_AFTER_MS = 60_000;

/**
 * `unknown`: only time will tell. The owner is on another machine, or in a container that cannot be looked into, and
 * has shown that it is alive a short while ago.
 */
export type RunState = 'alive' | 'dead' | 'unknown';

/** This process as the owner of a run. */
export function thisOwner(subject: RunSubject | undefined): RunOwner {
  return {
    pid: process.pid,
    host: hostname(),
    startTime: processStartTime(process.pid),
    bootId: bootId(),
    pidNamespace: pidNamespace(),
    ...subject,
  };
}

/** Whether the owner of a run is alive. */
export async function runState(folder: string): Promise<RunState> {
  if (await isThere(join(folder, 'ended'))) return 'dead';
  const owner = await readOwner(folder);
  // Without an owner that can be read, its age decides: it may be in the making.
  if (owner === undefined) return await stateByAge(folder, DEAD_AFTER_MS);
  if (isOnThisKernel(owner)) {
    const isHeld = await isRunSocketHeld(folder);
    if (isHeld !== undefined) return isHeld ? 'alive' : 'dead';
    if (isInThisNamespace(owner)) return isAlive(owner) ? 'alive' : 'dead';
  }
  return await stateByAge(join(folder, 'owner.json'), DEAD_AFTER_MS);
}

/** Whether worker processes of a dead run may still be finishing their tasks. */
export async function mayHaveLiveWorkers(folder: string): Promise<boolean> {
  const owner = await readOwner(folder);
  if (owner === undefined || !isOnThisKernel(owner)) return false;
  if (isInThisNamespace(owner)) {
    return (await readWorkerNotes(folder)).some(
      ({ pid, startTime }) => pid !== undefined && isAlive({ pid, startTime }),
    );
  }
  // The kernel ends a namespace with its first process.
  if (owner.pid === 1) return false;
  // They cannot be looked at, but have left when their grace is over.
  const state = await stateByAge(join(folder, 'owner.json'), TOUCH_MS + (owner.orphanGraceMs ?? 0));
  return state !== 'dead';
}

/** `undefined` without a file that can be read and names an owner. */
export async function readOwner(folder: string): Promise<RunOwner | undefined> {
  try {
    return parseOwner((await readPrivateFile(join(folder, 'owner.json'), MAX_RUN_FILE_BYTES)).toString());
  } catch {
    return undefined;
  }
}

/** Workers that the server may know from this run. */
export async function readWorkerNotes(folder: string): Promise<WorkerNote[]> {
  try {
    const content = await readPrivateFile(join(folder, 'workers.jsonl'), MAX_RUN_FILE_BYTES);
    return parseWorkerNotes(content.toString());
  } catch {
    return [];
  }
}

/** Tells a process from a later one with the same id; `undefined` without /proc. */
export function processStartTime(pid: number): string | undefined {
  return statFields(pid)?.[19];
}

async function stateByAge(path: string, deadAfterMs: number): Promise<RunState> {
  const stats = await lstat(path).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > deadAfterMs ? 'dead' : 'unknown';
}

/** A host name says little: containers may share one. Where there is no better mark, it has to do. */
function isOnThisKernel({ bootId: boot, host }: RunOwner): boolean {
  return boot === undefined ? host === hostname() : boot === bootId();
}

function isInThisNamespace({ pidNamespace: namespace }: RunOwner): boolean {
  return namespace === undefined || namespace === pidNamespace();
}

function isAlive({ pid, startTime }: Pick<RunOwner, 'pid' | 'startTime'>): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startTime === undefined || startTime === processStartTime(pid);
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}

function pidNamespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return undefined;
  }
}
