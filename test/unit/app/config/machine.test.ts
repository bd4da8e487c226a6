import { describe, expect, it, test } from 'vitest';
import {
  machineNotes,
  thisMachine,
  withHeapLimits,
  type Machine,
} from '../../../../src/app/config/machine.js';
import type { ProcessLimits, ProcessPlan } from '../../../../src/orchestrator/processes/process-plan.js';

const MACHINE: Machine = {
  processors: 4,
  containerMb: 1_000,
  hostMb: 16_000,
  isHeapGiven: false,
  isProcessOne: false,
};

function replicas(count: number, limits: ProcessLimits = {}): ProcessPlan[] {
  return Array.from({ length: count }, (_, index) => ({ name: `a:A#${index + 1}`, workers: [], limits }));
}

const heapsOf = (plans: readonly ProcessPlan[]) => plans.map((replica) => replica.limits?.heapMb);

describe('the heap limit of each process', () => {
  test.each<[string, ProcessPlan[], Partial<Machine>, (number | undefined)[]]>([
    // (1000 MB · 0.9 - 100 MB) / 4, three quarters of it
    ['is a share of the limit of the container', replicas(4), {}, [150, 150, 150, 150]],
    [
      'leaves room for one more while processes are replaced',
      replicas(3, { recycleAfterTasks: 1 }),
      {},
      [150, 150, 150],
    ],
    [
      'given for one, leaves the others the rest',
      [...replicas(1, { heapMb: 300 }), ...replicas(2)],
      {},
      [300, 150, 150],
    ],
    ['is not less than a worker needs to start', replicas(50), {}, Array<number>(50).fill(32)],
    ['is not more than Node.js takes by itself', replicas(1), { containerMb: 64_000 }, [4_096]],
    ['without a container: that of Node.js', replicas(2), { containerMb: undefined }, [undefined, undefined]],
    ['with a flag of Node.js: that one', replicas(2), { isHeapGiven: true }, [undefined, undefined]],
  ])('%s', (_what, plans, machine, expected) => {
    expect(heapsOf(withHeapLimits(plans, { ...MACHINE, ...machine }))).toEqual(expected);
  });
});

test.each([
  [1, 512],
  [8, 1_024],
  [30, 8_192],
])(
  '%i processes in a container of %i MB: their heaps and what is beside them fit in',
  (count, containerMb) => {
    const heaps = heapsOf(withHeapLimits(replicas(count), { ...MACHINE, containerMb }));
    const sumMb = heaps.reduce<number>((sum, heapMb) => sum + heapMb!, 0);
    // Each needs 50 MB at least beside its heap, and the orchestrator 100.
    expect(sumMb + count * 50 + 100).toBeLessThanOrEqual(containerMb);
  },
);

describe('warnings', () => {
  const noted = (plans: ProcessPlan[], machine: Partial<Machine> = {}) =>
    machineNotes(plans, { ...MACHINE, ...machine });
  const warned = (plans: ProcessPlan[], machine: Partial<Machine> = {}): string[] =>
    noted(plans, machine).map(({ level, text }) => `${level}: ${text}`);

  it('none for what fits', () => {
    expect(warned(withHeapLimits(replicas(4), MACHINE))).toEqual([]);
  });

  it('no init in a container', () => {
    expect(warned(replicas(1), { isProcessOne: true })).toEqual([expect.stringMatching(/^warn: .*--init/)]);
  });

  it('none for a few processes on each processor, a line at level info for very many', () => {
    const roomy = { containerMb: undefined, hostMb: 64_000 };
    expect(warned(replicas(16), roomy)).toEqual([]);
    expect(warned(replicas(17), roomy)).toEqual([
      expect.stringMatching(/^info: 17 worker processes share 4 processors: workers that compute slow/),
    ]);
    expect(warned(replicas(5), { ...roomy, processors: 1 })).toEqual([
      expect.stringMatching(/^info: 5 worker processes share 1 processor:/),
    ]);
  });

  it('more than the memory allows', () => {
    expect(warned(withHeapLimits(replicas(50), MACHINE), { processors: 64 })).toEqual([
      expect.stringMatching(/^warn: 50 worker processes may need 4200 MB, and there are 1000 MB/),
    ]);
    expect(warned(replicas(4, { heapMb: 8_000 }), { containerMb: undefined })).toHaveLength(1);
  });

  it('a small heap that was asked for is nothing to warn about', () => {
    expect(warned(replicas(2, { heapMb: 48 }), { containerMb: undefined })).toEqual([]);
  });
});

describe('the machine', () => {
  const container = (cpuMax: string): ((path: string) => string | undefined) => {
    const files: Record<string, string> = {
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': '30 23 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n',
      '/sys/fs/cgroup/cpu.max': cpuMax,
      '/sys/fs/cgroup/memory.max': `${64 * 2 ** 20}\n`,
    };
    return (path) => files[path];
  };

  it("`processes: 'auto'` follows the CPU quota, and is at least one", () => {
    expect(thisMachine({}, [], container('150000 100000')).processors).toBe(1);
    expect(thisMachine({}, [], container('20000 100000')).processors).toBe(1);
    expect(thisMachine({}, [], () => undefined).processors).toBeGreaterThanOrEqual(1);
  });

  it('has the memory of its container', () => {
    expect(thisMachine({}, [], container('max 100000')).containerMb).toBe(64);
    expect(thisMachine({}, [], () => undefined).containerMb).toBeUndefined();
  });

  it('is not limited by a limit above what there is', () => {
    const read = container('max 100000');
    const vast = (path: string): string | undefined =>
      path.endsWith('memory.max') ? `${2 ** 55}\n` : read(path);
    expect(thisMachine({}, [], vast).containerMb).toBeUndefined();
  });

  test.each<[Record<string, string>, string[], boolean]>([
    [{}, [], false],
    [{}, ['--max-old-space-size=99'], true],
    [{}, ['--max_old_space_size=99'], true],
    [{ NODE_OPTIONS: '--enable-source-maps --max-old-space-size=99' }, [], true],
  ])('a heap limit in the flags of Node.js is seen: %o %o', (env, flags, expected) => {
    expect(thisMachine(env, flags, () => undefined).isHeapGiven).toBe(expected);
  });
});
