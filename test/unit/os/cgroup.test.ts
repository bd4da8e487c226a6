import { describe, expect, it, test } from 'vitest';
import { cgroupLimits, OomCounter, type FileReader } from '../../../src/os/cgroup.js';

const MB = 2 ** 20;

/** Files as a kernel shows them; counts how often each is read. */
function files(texts: Record<string, string>): FileReader & { reads: string[] } {
  const reads: string[] = [];
  return Object.assign(
    (path: string) => {
      reads.push(path);
      return texts[path];
    },
    { reads },
  );
}

/** Version 2 in a container, with a group namespace of its own. */
const V2 = {
  '/proc/self/cgroup': '0::/\n',
  '/proc/self/mountinfo':
    '1 0 0:2 / / rw - overlay overlay rw\n30 23 0:26 / /sys/fs/cgroup ro,nosuid shared:4 - cgroup2 cgroup rw\n',
  '/sys/fs/cgroup/memory.max': `${512 * MB}\n`,
  '/sys/fs/cgroup/cpu.max': '150000 100000\n',
  '/sys/fs/cgroup/memory.events': 'low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\n',
};

/** Version 1 in a container without a namespace: the path is the host's, the mount shows what is below it. */
const V1 = {
  '/proc/self/cgroup': '12:memory:/docker/abc\n5:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n',
  '/proc/self/mountinfo': [
    '40 30 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory',
    '41 30 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct',
  ].join('\n'),
  '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${256 * MB}\n`,
  '/sys/fs/cgroup/memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
  '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '50000\n',
  '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
};

describe('the limits of a container', () => {
  test.each([
    ['version 2', V2, { memoryBytes: 512 * MB, cpus: 1.5 }],
    ['version 1', V1, { memoryBytes: 256 * MB, cpus: 0.5 }],
    [
      'no limits, version 2',
      { ...V2, '/sys/fs/cgroup/memory.max': 'max\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' },
      {},
    ],
    [
      'no limits, version 1',
      {
        ...V1,
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
      },
      {},
    ],
    ['no control groups', {}, {}],
  ])('%s', (_what, texts, expected) => {
    expect(cgroupLimits(files(texts))).toEqual({ memoryBytes: undefined, cpus: undefined, ...expected });
  });

  it('a limit of a group above is one too: the smallest counts', () => {
    const read = files({
      '/proc/self/cgroup': '0::/system.slice/app.service\n',
      '/proc/self/mountinfo': '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
      '/sys/fs/cgroup/system.slice/app.service/memory.max': `${900 * MB}\n`,
      '/sys/fs/cgroup/system.slice/memory.max': `${700 * MB}\n`,
      '/sys/fs/cgroup/system.slice/app.service/cpu.max': '100000 100000\n',
      '/sys/fs/cgroup/system.slice/cpu.max': 'max 100000\n',
    });
    expect(cgroupLimits(read)).toEqual({ memoryBytes: 700 * MB, cpus: 1 });
  });
});

describe('what the memory killer has done', () => {
  test.each([
    ['version 2', V2, 2],
    ['version 1', V1, 3],
    ['not counted', {}, undefined],
  ])('%s', (_what, texts, expected) => {
    expect(new OomCounter(files(texts)).read()).toBe(expected);
  });

  it('is looked up each second, the place of the counter once only', () => {
    const read = files(V2);
    const counter = new OomCounter(read);
    expect([counter.read(), counter.read(), counter.read()]).toEqual([2, 2, 2]);
    expect(read.reads.filter((path) => path === '/proc/self/mountinfo')).toHaveLength(1);
  });
});
