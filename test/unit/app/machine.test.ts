import { describe, expect, it } from 'vitest';
import { thisMachine, withHeapLimits, type Machine } from '../../../src/app/machine.js';
import type { SlotPlan } from '../../../src/orchestrator/slot-plan.js';

function slots(count: number, limits?: SlotPlan['limits']): SlotPlan[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `a:Worker#${index + 1}`,
    workers: [],
    ...(limits === undefined ? {} : { limits }),
  }));
}

function container(containerMb: number | undefined, isHeapGiven = false): Machine {
  return { processors: 2, containerMb, hostMb: 16_384, isHeapGiven };
}

const heaps = (planned: readonly SlotPlan[]): number[] =>
  planned.flatMap((slot) => slot.limits?.heapMb ?? []);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

describe('withHeapLimits', () => {
  it.each([
    [1, 512],
    [8, 1_024],
    [8, 2_048],
    [30, 8_192],
  ])('%i processes in a container of %i MB: their heaps and what is beside them fit in', (count, mb) => {
    const limits = heaps(withHeapLimits(slots(count), container(mb)));
    expect(limits).toHaveLength(count);
    expect(new Set(limits).size).toBe(1);
    // Each needs 50 MB at least beside its heap, and the orchestrator 100.
    expect(sum(limits) + count * 50 + 100).toBeLessThanOrEqual(mb);
  });

  it('a limit that was asked for stays, and the others share what is left', () => {
    const planned = withHeapLimits([...slots(1, { heapMb: 300 }), ...slots(3)], container(1_024));
    const [given, ...shares] = heaps(planned);
    expect(given).toBe(300);
    expect(sum(shares)).toBeLessThanOrEqual(1_024 - 300);
    expect(shares[0]).toBeGreaterThan(64);
  });

  it('leaves room for the process that takes over from one that is recycled', () => {
    const [plain] = heaps(withHeapLimits(slots(4), container(1_024)));
    const [recycled] = heaps(withHeapLimits(slots(4, { recycleAfterTasks: 10 }), container(1_024)));
    expect(recycled).toBeLessThan(plain!);
  });

  it('changes nothing without a container, or where a flag of Node.js gives the limit', () => {
    expect(heaps(withHeapLimits(slots(8), container(undefined)))).toEqual([]);
    expect(heaps(withHeapLimits(slots(8), container(1_024, true)))).toEqual([]);
  });
});

describe('thisMachine', () => {
  const read = (files: Record<string, string>) => (path: string) => files[path];
  const group = {
    '/proc/self/cgroup': '0::/\n',
    '/proc/self/mountinfo': '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n',
  };

  it('is as large as the container that it is in', () => {
    const limited = { ...group, '/sys/fs/cgroup/memory.max': `${256 * 2 ** 20}\n` };
    expect(thisMachine({}, [], read(limited))).toMatchObject({ containerMb: 256, isHeapGiven: false });
    const quota = { ...group, '/sys/fs/cgroup/cpu.max': '150000 100000\n' };
    expect(thisMachine({}, [], read(quota))).toMatchObject({ containerMb: undefined, processors: 1 });
  });

  it('is not limited by a limit above what there is', () => {
    const vast = { ...group, '/sys/fs/cgroup/memory.max': `${2 ** 55}\n` };
    expect(thisMachine({}, [], read(vast)).containerMb).toBeUndefined();
  });

  it('sees a heap limit that Node.js was given by a flag or by NODE_OPTIONS', () => {
    const none = read({});
    expect(thisMachine({}, ['--max-old-space-size=99'], none).isHeapGiven).toBe(true);
    expect(thisMachine({ NODE_OPTIONS: '--max_old_space_size=99' }, [], none).isHeapGiven).toBe(true);
    expect(thisMachine({ NODE_OPTIONS: '--enable-source-maps' }, [], none).isHeapGiven).toBe(false);
  });
});
