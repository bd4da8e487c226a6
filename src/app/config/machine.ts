import { availableParallelism, totalmem } from 'node:os';
import { cgroupLimits, readTextFile, type FileReader } from '../../os/cgroup.js';
import type { ProcessPlan } from '../../orchestrator/processes/process-plan.js';
import type { Environment } from '../../core/environment.js';

const MB = 2 ** 20;
/** The orchestrator itself. */
const ORCHESTRATOR_MB = 100;
/** What is left to the rest of the container: page cache, programs that tasks start. */
const USABLE_SHARE = 0.9;
/** What a process needs beside its JavaScript heap: at least so much, or so large a part of all that it may use. */
const MIN_BESIDE_HEAP_MB = 50;
const BESIDE_HEAP_SHARE = 0.25;
/** With less a worker hardly starts. */
const MIN_HEAP_MB = 32;
const TIGHT_HEAP_MB = 64;
/** Node.js takes no more by itself, however much memory there is. */
const MAX_HEAP_MB = 4_096;
/** With more processes for each processor it is said. */
const MANY_PER_PROCESSOR = 4;

/** What the processes of the application have to share. */
export interface Machine {
  /** Processors, by the CPU quota of the container where there is one. */
  readonly processors: number;
  /** Memory limit of the container; `undefined`: none. */
  readonly containerMb: number | undefined;
  readonly hostMb: number;
  /** A heap limit is given by a flag of Node.js already, for all processes. */
  readonly isHeapGiven: boolean;
  /** This is process 1: the system hands it every process whose parent has ended. */
  readonly isProcessOne: boolean;
}

export function thisMachine(
  env: Environment,
  execArgv: readonly string[] = process.execArgv,
  read: FileReader = readTextFile,
): Machine {
  const { memoryBytes, cpus } = cgroupLimits(read);
  const hostMb = Math.floor(totalmem() / MB);
  const containerMb = memoryBytes === undefined ? undefined : Math.floor(memoryBytes / MB);
  return {
    processors: Math.max(1, Math.min(availableParallelism(), Math.floor(cpus ?? Infinity))),
    // A limit above what there is limits nothing.
    containerMb: containerMb === undefined || containerMb >= hostMb ? undefined : containerMb,
    hostMb,
    isHeapGiven: [...execArgv, env['NODE_OPTIONS'] ?? ''].some((flags) =>
      /--max[-_](old[-_]space|heap)[-_]size/.test(flags),
    ),
    isProcessOne: process.pid === 1,
  };
}

/**
 * The replicas with a heap limit for each process that has none: an equal share of the container's memory. Without a
 * container, or with a flag of Node.js that says otherwise, they are returned as they are.
 */
export function withHeapLimits(replicas: readonly ProcessPlan[], machine: Machine): ProcessPlan[] {
  const open = replicas.filter((replica) => replica.limits?.heapMb === undefined);
  if (machine.containerMb === undefined || machine.isHeapGiven || open.length === 0) return [...replicas];
  const given = replicas.flatMap((replica) => replica.limits?.heapMb ?? []);
  const takenMb = given.reduce(
    (sum, heapMb) => sum + heapMb + besideHeap(heapMb / (1 - BESIDE_HEAP_SHARE)),
    0,
  );
  // While a process is replaced there is one more.
  const spare = replicas.some(isRecycled) ? 1 : 0;
  const eachMb = (machine.containerMb * USABLE_SHARE - ORCHESTRATOR_MB - takenMb) / (open.length + spare);
  const heapMb = Math.max(MIN_HEAP_MB, Math.min(MAX_HEAP_MB, Math.floor(eachMb - besideHeap(eachMb))));
  return replicas.map((replica) =>
    open.includes(replica) ? { ...replica, limits: { ...replica.limits, heapMb } } : replica,
  );
}

/** A line for the log. */
/** Something that whoever runs the application should know. */
export interface MachineNote {
  readonly level: 'info' | 'warn';
  readonly text: string;
}

/** What whoever runs the application should know about so many processes on this machine. */
export function machineNotes(replicas: readonly ProcessPlan[], machine: Machine): MachineNote[] {
  const { processors, containerMb, hostMb } = machine;
  const notes: MachineNote[] = [];
  if (machine.isProcessOne) {
    const text =
      'this is process 1 of a container, and Node.js does not reap processes of others: programs that a killed worker ' +
      'process had started stay as zombies until the container ends. Start it with an init: `docker run --init`, ' +
      '`init: true` in Compose, or tini as the entry point of the image';
    notes.push({ level: 'warn', text });
  }
  // Workers mostly wait: a few for each processor are as it should be.
  if (replicas.length > processors * MANY_PER_PROCESSOR) {
    const cores = processors === 1 ? 'processor' : 'processors';
    const text =
      `${replicas.length} worker processes share ${processors} ${cores}: workers that compute slow each other down. ` +
      '`group` puts workers that mostly wait into one process';
    notes.push({ level: 'info', text });
  }
  const memoryMb = containerMb ?? hostMb;
  const leastHeapMb = Math.min(...replicas.map((replica) => replica.limits?.heapMb ?? Infinity));
  const heapsMb = replicas.reduce((sum, replica) => sum + (replica.limits?.heapMb ?? MIN_HEAP_MB), 0);
  const neededMb = ORCHESTRATOR_MB + heapsMb + replicas.length * MIN_BESIDE_HEAP_MB;
  // A small heap on a large machine is what somebody has asked for.
  const isTight = containerMb !== undefined && leastHeapMb < TIGHT_HEAP_MB;
  if (neededMb > memoryMb || isTight) {
    const text =
      `${replicas.length} worker processes may need ${neededMb} MB, and there are ${memoryMb} MB ` +
      `(smallest heap limit: ${leastHeapMb === Infinity ? 'none' : `${leastHeapMb} MB`}); use fewer processes, ` +
      '`group` or more memory';
    notes.push({ level: 'warn', text });
  }
  return notes;
}

function isRecycled({ limits = {} }: ProcessPlan): boolean {
  const { residentMb, recycleAfterTasks, recycleAfterMs } = limits;
  return residentMb !== undefined || recycleAfterTasks !== undefined || recycleAfterMs !== undefined;
}

function besideHeap(allMb: number): number {
  return Math.max(MIN_BESIDE_HEAP_MB, allMb * BESIDE_HEAP_SHARE);
}
