import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject, Workflow } from '../../src/conductor/wire/types.js';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import {
  conductorParts,
  startConductor,
  startPostgres,
  type ConductorServer,
  type Postgres,
} from '../support/conductor-scripts.js';
import { ConformanceClient, SLOW_MS } from '../support/conformance-server.js';
import { killHard } from '../support/processes.js';
import { folderOfEachTest, killEverything, stateIn } from '../support/reliability.js';

/** As they would run in two containers: the same workers, the same server, and nothing else in common. */
const APPLICATIONS = ['one', 'other'];
const TASKS_OF_A_WORKFLOW = 3;
/** Of the replica in the fixture. */
const CONCURRENCY = 5;

const folder = folderOfEachTest();
const start = appProcesses();
const client = new ConformanceClient('');
let postgres: Postgres;
let server: ConductorServer | undefined;

beforeAll(async () => {
  postgres = (await startPostgres())!;
  server = await startConductor({ ...(await conductorParts())!, postgres });
  client.url = server.url;
}, 3 * SLOW_MS);
afterAll(async () => {
  await server?.stop();
  await postgres.stop();
});

async function startBoth(type: string): Promise<AppProcess[]> {
  const apps = APPLICATIONS.map((name) => {
    const own = join(folder(), name);
    mkdirSync(own, { recursive: true });
    return start('../conductor/app', {
      serverUrl: client.url,
      env: stateIn(own, { TEST_TUTTI_TYPE: type, CONDUCTOR_LOG_LEVEL: 'debug' }),
      bootstrap: { restart: { initialDelay: 1, maxDelay: 1, maxDeaths: 1_000 } },
    });
  });
  for (const app of apps) await app.ready();
  return apps;
}

/** Workflows of three tasks, one after the other. */
async function startWorkflows(type: string, count: number, input: JsonObject): Promise<string[]> {
  const name = await client.defineWorkflow(
    Array.from({ length: TASKS_OF_A_WORKFLOW }, (_, index) => ({
      name: type,
      taskReferenceName: `t${index}`,
      type: 'SIMPLE',
      inputParameters: input,
    })),
  );
  return await Promise.all(Array.from({ length: count }, () => client.start(name)));
}

/** How often the code of each task was begun, in both applications. */
function beginnings(apps: readonly AppProcess[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const app of apps) {
    for (const [, taskId] of app.stdout.matchAll(/begun (\S+)/g)) {
      counts.set(taskId!, (counts.get(taskId!) ?? 0) + 1);
    }
  }
  return counts;
}

/** Waits until all have ended; after an outage the server finds some of them only when its sweeper comes around. */
async function allCompleted(workflowIds: readonly string[]): Promise<Workflow[]> {
  const workflows: Workflow[] = [];
  for (const workflowId of workflowIds) {
    const workflow = await client.waitFor(
      async () => {
        const { status, body } = await client.request<Workflow>('GET', `/workflow/${workflowId}`);
        return status === 200 && body.status !== 'RUNNING' && body;
      },
      `workflow ${workflowId} to end`,
      SLOW_MS,
    );
    expect(workflow, workflow.reasonForIncompletion).toMatchObject({ status: 'COMPLETED' });
    workflows.push(workflow);
  }
  return workflows;
}

async function stop(apps: readonly AppProcess[]): Promise<void> {
  for (const app of apps) app.signal('SIGTERM');
  for (const app of apps) expect((await app.ended()).code).toBe(0);
}

const begun = (app: AppProcess): number => beginnings([app]).size;

test(
  'two applications share the work; kills of their processes cost attempts, and no workflow',
  { timeout: 3 * SLOW_MS },
  async () => {
    const type = await client.defineTask({
      retryCount: 10,
      retryDelaySeconds: 0,
      responseTimeoutSeconds: 3_600,
      timeoutSeconds: 0,
    });
    const apps = await startBoth(type);
    const workflowIds = await startWorkflows(type, 60, { action: 'sleep', ms: 100 });
    let kills = 0;
    for (let round = 0; round < 2; round++) {
      for (const app of apps) {
        const before = begun(app);
        await app.until(() => begun(app) > before, 'its next task');
        killHard(await app.workerPid('act'));
        kills += 1;
      }
    }
    const workflows = await allCompleted(workflowIds);
    for (const { tasks } of workflows) {
      expect(tasks.filter(({ status }) => status === 'COMPLETED')).toHaveLength(TASKS_OF_A_WORKFLOW);
    }
    const attempts = workflows.flatMap(({ tasks }) => tasks);
    const failed = attempts.filter(({ status }) => status !== 'COMPLETED');
    expect(failed.length).toBeLessThanOrEqual(kills * CONCURRENCY);
    for (const { reasonForIncompletion } of failed) {
      expect(reasonForIncompletion).toMatch(/^\[process died \d times? with this task\]/);
    }
    // Each attempt was begun by one process, but for those that a poll had taken when its process was killed.
    expect([...beginnings(apps).values()].filter((count) => count > 1)).toEqual([]);
    for (const app of apps) expect(begun(app)).toBeGreaterThan(CONCURRENCY);
    await stop(apps);
  },
);

test(
  'an outage of the database, with one application killed meanwhile, loses no result',
  { timeout: 4 * SLOW_MS },
  async () => {
    const type = await client.defineTask({
      retryCount: 10,
      retryDelaySeconds: 0,
      responseTimeoutSeconds: 3_600,
      timeoutSeconds: 0,
    });
    const apps = await startBoth(type);
    const workflowIds = await startWorkflows(type, 30, { action: 'sleep', ms: 2_000 });
    for (const app of apps) await app.until(() => begun(app) >= CONCURRENCY, 'its tasks to have begun');
    await postgres.crash();
    // The tasks end, and the server cannot take their results.
    for (const app of apps) {
      await app.replica(
        'act',
        ({ tasks }) => tasks.length > 0 && tasks.every(({ state }) => state === 'stored'),
      );
    }
    await killEverything(apps[0]!);
    const successor = start('../conductor/app', {
      serverUrl: client.url,
      env: stateIn(join(folder(), APPLICATIONS[0]!), { TEST_TUTTI_TYPE: type }),
    });
    await successor.ready();
    await postgres.start();
    const workflows = await allCompleted(workflowIds);
    const all = [...apps, successor];
    for (const { tasks } of workflows) {
      expect(tasks.map(({ status }) => status)).toEqual(Array(TASKS_OF_A_WORKFLOW).fill('COMPLETED'));
    }
    const counts = beginnings(all);
    expect(counts.size).toBe(workflowIds.length * TASKS_OF_A_WORKFLOW);
    expect([...counts.values()].filter((count) => count > 1)).toEqual([]);
    await stop([apps[1]!, successor]);
  },
);
