import { describe, expect, it, test } from 'vitest';
import {
  unknownVariables,
  variableName,
  workerSettings,
  type WorkerSettings,
} from '../../../../src/app/config/worker-settings.js';
import type { Environment } from '../../../../src/core/environment.js';
import { WORKER_DEFAULTS } from '../../../../src/worker/definition/worker-options.js';
import type { WorkerOptions } from '../../../../src/worker/definition/task-worker.js';
import { describeWorker } from '../../../support/describe-worker.js';

function settingsOf(options: WorkerOptions, env: Environment = {}, type = 'greet'): WorkerSettings {
  const problems: string[] = [];
  const settings = workerSettings(describeWorker(type, { options }), env, problems);
  expect(problems).toEqual([]);
  return settings;
}

function problemsOf(env: Environment): string[] {
  const problems: string[] = [];
  workerSettings(describeWorker('greet'), env, problems);
  return problems;
}

test.each([
  ['greet', 'CONDUCTOR_WORKER_GREET_CONCURRENCY'],
  ['my-task.v1', 'CONDUCTOR_WORKER_MY_TASK_V1_CONCURRENCY'],
  ['Größe', 'CONDUCTOR_WORKER_GR_SSE_CONCURRENCY'],
  ['sendEmail', 'CONDUCTOR_WORKER_SENDEMAIL_CONCURRENCY'],
])('the variable of %s can be set in a shell', (type, name) => {
  expect(variableName(type, 'CONCURRENCY')).toMatch(/^[A-Z0-9_]+$/);
  if (type !== 'Größe') expect(variableName(type, 'CONCURRENCY')).toBe(name);
});

describe('workerSettings', () => {
  it('are the defaults without anything', () => {
    const { options, sources } = settingsOf({});
    expect(options).toEqual(WORKER_DEFAULTS);
    expect(new Set(Object.values(sources))).toEqual(new Set(['default']));
  });

  it('take what code says; undefined is absent', () => {
    const { options, sources } = settingsOf({ concurrency: 5, group: undefined as unknown as string });
    expect(options.concurrency).toBe(5);
    expect(sources).toMatchObject({ concurrency: 'code', group: 'default' });
  });

  test.each<[string, Environment, Partial<WorkerOptions>]>([
    ['POLL_INTERVAL', { CONDUCTOR_WORKER_GREET_POLL_INTERVAL: '250' }, { pollInterval: 250 }],
    ['CONCURRENCY', { CONDUCTOR_WORKER_GREET_CONCURRENCY: '7' }, { concurrency: 7 }],
    ['PROCESSES', { CONDUCTOR_WORKER_GREET_PROCESSES: '3' }, { processes: 3 }],
    ['GROUP', { CONDUCTOR_WORKER_GREET_GROUP: 'light' }, { group: 'light' }],
    ['DOMAIN', { CONDUCTOR_WORKER_GREET_DOMAIN: 'eu' }, { domain: 'eu' }],
    ['WORKER_ID', { CONDUCTOR_WORKER_GREET_WORKER_ID: 'blue' }, { workerId: 'blue' }],
    ['EXECUTION_TIMEOUT', { CONDUCTOR_WORKER_GREET_EXECUTION_TIMEOUT: '1000' }, { executionTimeout: 1000 }],
    ['PAUSED true', { CONDUCTOR_WORKER_GREET_PAUSED: 'TRUE' }, { paused: true }],
    ['PAUSED 1', { CONDUCTOR_WORKER_GREET_PAUSED: '1' }, { paused: true }],
    ['PAUSED 0', { CONDUCTOR_WORKER_GREET_PAUSED: '0' }, { paused: false }],
    ['ALL', { CONDUCTOR_WORKER_ALL_CONCURRENCY: '4' }, { concurrency: 4 }],
    [
      'the name before ALL',
      { CONDUCTOR_WORKER_ALL_CONCURRENCY: '4', CONDUCTOR_WORKER_GREET_CONCURRENCY: '5' },
      { concurrency: 5 },
    ],
    [
      'an empty variable is none',
      { CONDUCTOR_WORKER_ALL_CONCURRENCY: '4', CONDUCTOR_WORKER_GREET_CONCURRENCY: '' },
      { concurrency: 4 },
    ],
  ])('environment before code: %s', (_title, env, expected) => {
    const { options, sources } = settingsOf({ concurrency: 99, pollInterval: 99 }, env);
    expect(options).toMatchObject(expected);
    for (const key of Object.keys(expected)) {
      expect(sources[key as keyof WorkerOptions]).toMatch(/^env CONDUCTOR_WORKER_(GREET|ALL)_/);
    }
  });

  it('go by property and by worker: each has its own source', () => {
    const env = {
      CONDUCTOR_WORKER_GREET_CONCURRENCY: '5',
      CONDUCTOR_WORKER_ALL_CONCURRENCY: '4',
      CONDUCTOR_WORKER_ALL_POLL_INTERVAL: '300',
    };
    const code = { pollInterval: 99, processes: 2 };
    const greet = settingsOf(code, env);
    expect(greet.options).toMatchObject({ concurrency: 5, pollInterval: 300, processes: 2, nice: undefined });
    expect(greet.sources).toMatchObject({
      concurrency: 'env CONDUCTOR_WORKER_GREET_CONCURRENCY',
      pollInterval: 'env CONDUCTOR_WORKER_ALL_POLL_INTERVAL',
      processes: 'code',
      nice: 'default',
    });
    expect(settingsOf(code, env, 'greet-others').options).toMatchObject({ concurrency: 4, processes: 2 });
  });

  it.each(['', ' ', '\t'])(
    'a blank domain (%j) is none: the server would look for one of that name',
    (domain) => {
      expect(settingsOf({ domain }).options.domain).toBeUndefined();
      expect(settingsOf({}, { CONDUCTOR_WORKER_GREET_DOMAIN: domain }).options.domain).toBeUndefined();
    },
  );

  test.each([
    ['CONDUCTOR_WORKER_GREET_CONCURRENCY', '2.5', /integer from 1/],
    ['CONDUCTOR_WORKER_GREET_CONCURRENCY', 'many', /integer from 1/],
    ['CONDUCTOR_WORKER_GREET_CONCURRENCY', ' ', /integer from 1/],
    ['CONDUCTOR_WORKER_GREET_POLL_INTERVAL', '0', /integer from 1/],
    ['CONDUCTOR_WORKER_ALL_POLL_INTERVAL', '-5', /integer from 1/],
    ['CONDUCTOR_WORKER_GREET_PAUSED', 'yes', /true or false/],
    ['CONDUCTOR_WORKER_GREET_PAUSED', 'constructor', /true or false/],
  ])('%s=%s is a mistake that names variable, value and what is expected', (variable, value, expected) => {
    const problems = problemsOf({ [variable]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(expected);
    expect(problems[0]).toContain(variable);
    expect(problems[0]).toContain(JSON.stringify(value));
  });
});

describe('unknownVariables', () => {
  test.each<[Environment, RegExp[]]>([
    [{ PATH: '/bin', CONDUCTOR_SERVER_URL: 'x' }, []],
    [{ CONDUCTOR_WORKER_GREET_CONCURRENCY: '1', CONDUCTOR_WORKER_ALL_DOMAIN: 'x' }, []],
    [
      { CONDUCTOR_WORKER_GREET_CONCURENCY: '1' },
      [
        /CONDUCTOR_WORKER_GREET_CONCURENCY is set, but no worker has it; did you mean CONDUCTOR_WORKER_GREET_CONCURRENCY\?/,
      ],
    ],
    [{ CONDUCTOR_WORKER_GREAT_CONCURRENCY: '1' }, [/did you mean CONDUCTOR_WORKER_GREET_CONCURRENCY\?/]],
    [{ TUTTI_STATE_DIR: '/x', TUTTI_STOP_GRACE: '1' }, []],
    [
      { TUTTI_STOP_GARCE: '1' },
      [/^TUTTI_STOP_GARCE is set, but there is no such variable; did you mean TUTTI_STOP_GRACE\?$/],
    ],
    [
      { TUTTI_NOTHING_LIKE_IT_AT_ALL: '1' },
      [/^TUTTI_NOTHING_LIKE_IT_AT_ALL is set, but there is no such variable$/],
    ],
    [{ CONDUCTOR_WORKER_SOMETHING_ENTIRELY_DIFFERENT_AND_LONG: '1' }, [/no worker has it$/]],
  ])('%j', (env, expected) => {
    const warnings = unknownVariables(['greet'], env);
    expect(warnings).toHaveLength(expected.length);
    expected.forEach((pattern, index) => expect(warnings[index]).toMatch(pattern));
  });
});
