import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/conductor/wire/types.js';
import { appProcesses, type AppProcess } from '../support/app-process.js';
import {
  conductorParts,
  startConductor,
  startPostgres,
  type ConductorServer,
  type Postgres,
  type ServerPlace,
} from '../support/conductor-scripts.js';
import { ConformanceClient, SLOW_MS } from '../support/conformance-server.js';
import { folderOfEachTest, killEverything, stateIn } from '../support/reliability.js';

/** A server that can be stopped and started again; the one of `CONDUCTOR_SERVER_URL` is somebody else's. */
const parts = await conductorParts();

describe.skipIf(parts === undefined)('a Conductor server that goes away', { timeout: 2 * SLOW_MS }, () => {
  const folder = folderOfEachTest();
  const start = appProcesses();
  const client = new ConformanceClient('');
  let postgres: Postgres | undefined;
  let server: ConductorServer | undefined;

  beforeAll(async () => {
    postgres = await startPostgres();
    server = await startConductor({ ...parts!, postgres });
    client.url = server.url;
  }, SLOW_MS);
  afterAll(async () => {
    await server?.stop();
    await postgres?.stop();
  });

  const startApp = (type: string): AppProcess =>
    start('../conductor/app', { serverUrl: client.url, env: stateIn(folder(), { TEST_TUTTI_TYPE: type }) });

  /** The tasks are running when it resolves. */
  async function runTwo(app: AppProcess, type: string): Promise<string[]> {
    const input = (ms: number): JsonObject => ({ action: 'sleep', ms });
    const workflowIds: string[] = [];
    for (const ms of [1_500, 3_000]) {
      const task = { name: type, taskReferenceName: 'task', type: 'SIMPLE', inputParameters: input(ms) };
      workflowIds.push(await client.run([task]));
    }
    for (const workflowId of workflowIds)
      await app.began((await client.workflow(workflowId)).tasks[0]!.taskId);
    return workflowIds;
  }

  /** Ends the server, and waits until the results of both tasks are on disk. */
  async function haltUntilStored(app: AppProcess): Promise<ServerPlace> {
    const place = await server!.halt();
    await app.replica('act', ({ tasks }) => tasks.filter(({ state }) => state === 'stored').length === 2);
    return place;
  }

  async function expectCompletedOnce(workflowIds: readonly string[]): Promise<void> {
    for (const workflowId of workflowIds) {
      const { tasks } = await client.waitForStatus(workflowId, 'COMPLETED');
      expect(tasks).toHaveLength(1);
    }
  }

  test('gets the results of the tasks that ended meanwhile when it is back', async () => {
    const type = await client.defineTask({ retryCount: 1, responseTimeoutSeconds: 3_600, timeoutSeconds: 0 });
    const app = startApp(type);
    await app.ready();
    const workflowIds = await runTwo(app, type);
    const place = await haltUntilStored(app);
    server = await startConductor({ ...parts!, again: place });
    await expectCompletedOnce(workflowIds);
    expect(app.stdout.match(/begun/g)).toHaveLength(2);
    app.signal('SIGTERM');
    expect((await app.ended()).code).toBe(0);
  });

  test('gets them also when the application was killed meanwhile and started again', async () => {
    const type = await client.defineTask({ retryCount: 1, responseTimeoutSeconds: 3_600, timeoutSeconds: 0 });
    const app = startApp(type);
    await app.ready();
    const workflowIds = await runTwo(app, type);
    const place = await haltUntilStored(app);
    await killEverything(app);
    const next = startApp(type);
    await next.ready();
    server = await startConductor({ ...parts!, again: place });
    await expectCompletedOnce(workflowIds);
    expect((app.stdout + next.stdout).match(/begun/g)).toHaveLength(2);
    next.signal('SIGTERM');
    expect((await next.ended()).code).toBe(0);
  });
});
