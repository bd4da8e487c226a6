import { describe, expect, it, test } from 'vitest';
import { bootTable } from '../../../src/app/boot-table.js';
import type { Environment } from '../../../src/core/environment.js';
import { planProcesses, type ConfiguredWorker } from '../../../src/app/process-plan.js';
import { formatTable } from '../../../src/app/table.js';
import { workerSettings } from '../../../src/app/config/worker-settings.js';
import { blockedTimeoutOf } from '../../../src/orchestrator/processes/process-plan.js';
import type { OrchestratorStatus } from '../../../src/orchestrator/status/status.js';
import type { WorkerOptions } from '../../../src/worker/definition/task-worker.js';
import { describeWorker } from '../../support/describe-worker.js';

function configured(type: string, options: WorkerOptions = {}, env: Environment = {}): ConfiguredWorker {
  const description = describeWorker(type, { options, isDiscovered: type === 'found' });
  const problems: string[] = [];
  const settings = workerSettings(description, env, problems);
  expect(problems).toEqual([]);
  return { description, settings };
}

describe('planProcesses', () => {
  test.each<[string, ConfiguredWorker[], Record<string, string[]>]>([
    [
      'one process for each worker',
      [configured('a'), configured('b')],
      { 'a:AWorker#1': ['a:AWorker'], 'b:BWorker#1': ['b:BWorker'] },
    ],
    [
      'several for one',
      [configured('a', { processes: 3 })],
      { 'a:AWorker#1': ['a:AWorker'], 'a:AWorker#2': ['a:AWorker'], 'a:AWorker#3': ['a:AWorker'] },
    ],
    [
      'a group shares its process with nobody else',
      [configured('a', { group: 'g' }), configured('b'), configured('c', { group: 'g' })],
      { 'group g#1': ['a:AWorker', 'c:CWorker'], 'b:BWorker#1': ['b:BWorker'] },
    ],
    [
      'a group has as many processes as its largest member',
      [configured('a', { group: 'g' }), configured('b', { group: 'g', processes: 2 })],
      { 'group g#1': ['a:AWorker', 'b:BWorker'], 'group g#2': ['a:AWorker', 'b:BWorker'] },
    ],
    [
      'a group called like a worker is another',
      [configured('a', { group: 'a:AWorker' }), configured('b')],
      {
        'group a:AWorker#1': ['a:AWorker'],
        'b:BWorker#1': ['b:BWorker'],
      },
    ],
    ['nothing', [], {}],
  ])('%s', (_title, workers, expected) => {
    const replicas = planProcesses(workers);
    expect(
      Object.fromEntries(replicas.map((replica) => [replica.name, replica.workers.map((one) => one.key)])),
    ).toEqual(expected);
    expect(replicas).toHaveLength(Object.keys(expected).length);
  });

  it("`processes: 'auto'`: as many as there are processors", () => {
    const names = ['a:AWorker#1', 'a:AWorker#2', 'a:AWorker#3'];
    const inCode = planProcesses([configured('a', { processes: 'auto' })], 3);
    expect(inCode.map((replica) => replica.name)).toEqual(names);
    const env = { CONDUCTOR_WORKER_A_PROCESSES: 'auto' };
    expect(planProcesses([configured('a', {}, env)], 3).map((replica) => replica.name)).toEqual(names);
  });

  it('in a group whoever needs most memory decides, and whoever wants to be replaced first', () => {
    const [replica] = planProcesses([
      configured('a', { group: 'g', heapLimit: 100, residentLimit: 200, recycleAfterTasks: 10, nice: 5 }),
      configured('b', { group: 'g', heapLimit: 300, recycleAfterTasks: 5, recycleAfter: 60_000 }),
      configured('c', { group: 'g', blockedTimeout: 600_000 }),
    ]);
    expect(replica?.limits).toEqual({
      heapMb: 300,
      residentMb: 200,
      recycleAfterTasks: 5,
      recycleAfterMs: 60_000,
      nice: 5,
    });
    expect(blockedTimeoutOf(replica!)).toBe(600_000);
  });

  it('takes settings from the environment, and files of discovered workers only', () => {
    const env = { CONDUCTOR_WORKER_ALL_CONCURRENCY: '7' };
    const [a, found] = planProcesses([configured('a', {}, env), configured('found')]);
    expect(a!.workers[0]).toMatchObject({
      taskType: 'a',
      concurrency: 7,
      pollInterval: 100,
      file: undefined,
    });
    expect(found!.workers[0]).toMatchObject({ file: '/app/found.worker.js' });
  });
});

describe('bootTable', () => {
  function statusOf(
    ...replicas: { name: string; pid?: number; pollInterval?: number; key: string }[]
  ): OrchestratorStatus {
    const views = replicas.map(({ name, pid, key, pollInterval = 100 }) => ({
      replica: name,
      pid,
      state: pid === undefined ? 'failed' : 'ready',
      workers: [{ key, pollInterval }],
    }));
    return { replicas: views } as unknown as OrchestratorStatus;
  }

  it('shows what runs, and where a value comes from', () => {
    const workers = [
      configured('a', { concurrency: 5, processes: 2 }),
      configured('b', { group: 'g' }, { CONDUCTOR_WORKER_B_POLL_INTERVAL: '250' }),
    ];
    const status = statusOf(
      { name: 'a:AWorker#1', pid: 11, key: 'a:AWorker', pollInterval: 77 },
      { name: 'a:AWorker#2', key: 'a:AWorker', pollInterval: 77 },
      { name: 'group g#1', pid: 12, key: 'b:BWorker', pollInterval: 250 },
    );
    const [header, , a, b] = bootTable(workers, status, '/app').split('\n');
    expect(header).toMatch(/^task type +worker +file +processes +pids +concurrency +poll interval$/);
    expect(a).toMatch(/^a +AWorker +a\.worker\.js +2 +11, failed +5 +77 ms \[member\]$/);
    expect(b).toMatch(
      /^b +BWorker +b\.worker\.js +1 \[default\] \(group g\) +12 +1 \[default\] +250 ms \[env CONDUCTOR_WORKER_B_POLL_INTERVAL\]$/,
    );
  });
});

test.each<[string[], string[][], string]>([
  [['a', 'long title'], [['longer', 'x']], 'a       long title\n------  ----------\nlonger  x'],
  [['a', 'b'], [], 'a  b\n-  -'],
  [['a', 'b'], [['x']], 'a  b\n-  -\nx'],
])('formatTable(%j, %j)', (header, rows, text) => {
  expect(formatTable(header, rows)).toBe(text);
});
