import { readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** The text of a file; `undefined` when there is no such file, or it cannot be read. */
export type FileReader = (path: string) => string | undefined;

export const readTextFile: FileReader = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

/** What a container, or whatever else limits this process, allows it. */
export interface CgroupLimits {
  /** Bytes of memory for everything in the group; `undefined`: no limit. */
  readonly memoryBytes: number | undefined;
  /** Processors by the CPU quota, a fraction at times; `undefined`: no quota. */
  readonly cpus: number | undefined;
}

type Controller = 'memory' | 'cpu';

/** A control group of this process, in one hierarchy. */
interface Group {
  readonly version: 1 | 2;
  /** Folders from its own up to the root of what is mounted: limits hold for all below. */
  readonly folders: readonly string[];
}

/** Version 1 writes "no limit" as the largest multiple of a page. */
const NO_LIMIT_V1 = 2 ** 60;

/** The limits of this process's control groups, those of their parents included: the smallest one counts. */
export function cgroupLimits(read: FileReader = readTextFile): CgroupLimits {
  const memory = groupsOf('memory', read).flatMap(({ version, folders }) =>
    folders.flatMap((folder) => memoryLimit(version, folder, read) ?? []),
  );
  const cpus = groupsOf('cpu', read).flatMap(({ version, folders }) =>
    folders.flatMap((folder) => cpuQuota(version, folder, read) ?? []),
  );
  return { memoryBytes: least(memory), cpus: least(cpus) };
}

/**
 * How often the system has killed a process of this process's control group because its memory was used up. Where that
 * is counted is found out once: it is read every second.
 */
export class OomCounter {
  readonly #read: FileReader;
  readonly #file: string | undefined;

  constructor(read: FileReader = readTextFile) {
    this.#read = read;
    this.#file = groupsOf('memory', read)
      .map(({ version, folders }) =>
        posix.join(folders[0] ?? '', version === 2 ? 'memory.events' : 'memory.oom_control'),
      )
      .find((file) => killsIn(read(file)) !== undefined);
  }

  /** `undefined` where it is not counted. */
  read(): number | undefined {
    return this.#file === undefined ? undefined : killsIn(this.#read(this.#file));
  }
}

function killsIn(text: string | undefined): number | undefined {
  const count = /^oom_kill (\d+)$/m.exec(text ?? '')?.[1];
  return count === undefined ? undefined : Number(count);
}

function memoryLimit(version: 1 | 2, folder: string, read: FileReader): number | undefined {
  const text = read(posix.join(folder, version === 2 ? 'memory.max' : 'memory.limit_in_bytes'))?.trim();
  const bytes = text === undefined || text === '' || text === 'max' ? Number.NaN : Number(text);
  return bytes > 0 && bytes < NO_LIMIT_V1 ? bytes : undefined;
}

function cpuQuota(version: 1 | 2, folder: string, read: FileReader): number | undefined {
  const [quota, period] =
    version === 2
      ? (read(posix.join(folder, 'cpu.max')) ?? '').trim().split(/\s+/).map(Number)
      : ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((file) => Number(read(posix.join(folder, file)) ?? ''));
  // "max" is no number, and version 1 writes -1 for no quota.
  return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : undefined;
}

/** Both versions may be mounted at the same time, each with some of the controllers. */
function groupsOf(controller: Controller, read: FileReader): Group[] {
  const memberships = (read('/proc/self/cgroup') ?? '').split('\n').flatMap((line) => {
    // hierarchy-id:controllers:path
    const [, hierarchy, controllers, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (hierarchy === undefined || controllers === undefined || path === undefined) return [];
    return [{ isV2: hierarchy === '0', controllers: controllers.split(','), path }];
  });
  return (read('/proc/self/mountinfo') ?? '').split('\n').flatMap((line) => {
    const mount = parseMount(line);
    if (mount === undefined) return [];
    const isV2 = mount.type === 'cgroup2';
    if (!isV2 && !mount.superOptions.includes(controller)) return [];
    const membership = memberships.find((one) =>
      isV2 ? one.isV2 : !one.isV2 && one.controllers.includes(controller),
    );
    if (membership === undefined) return [];
    return [{ version: isV2 ? 2 : 1, folders: foldersOf(mount, membership.path) } as const];
  });
}

interface Mount {
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly superOptions: readonly string[];
}

/** `id parent major:minor root point options … - type source super-options` */
function parseMount(line: string): Mount | undefined {
  const [left = '', right = ''] = line.split(' - ');
  const [, , , root, point] = left.split(' ');
  const [type = '', , superOptions = ''] = right.split(' ');
  if (root === undefined || point === undefined || !type.startsWith('cgroup')) return undefined;
  return { root, point, type, superOptions: superOptions.split(',') };
}

/** From the group's own folder up to the mount point. In a container the path may be one that only the host sees. */
function foldersOf({ root, point }: Mount, path: string): string[] {
  const isBelowRoot = root === '/' || path === root || path.startsWith(`${root}/`);
  const below = !isBelowRoot || path.startsWith('/..') ? '/' : path.slice(root === '/' ? 0 : root.length);
  const folders: string[] = [];
  for (let at = posix.join('/', below); at !== '/'; at = posix.dirname(at))
    folders.push(posix.join(point, at));
  return [...folders, point];
}

function least(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.min(...values);
}
