import { describe, expect, it, vi } from 'vitest';
import { ClientFixture, TRANSPORTS } from '../support/client-fixture.js';

describe.each(TRANSPORTS)('clients on $name', ({ Kind }) => {
  const use = new ClientFixture(Kind);

  describe('waiting for a definition', () => {
    const definition = { body: { name: 'a', version: 1, tasks: [] } };

    it('asks until it is there, also while the server is away', async () => {
      use.server.on('GET /metadata/workflow/a', { status: 404 }, { status: 503 }, definition);
      const { metadata } = await use.open();
      expect((await metadata.waitForWorkflowDef('a', { pollIntervalMs: 5 })).name).toBe('a');
      expect(use.server.requests).toHaveLength(3);
    });

    it('gives up after its time, and at once for other errors', async () => {
      use.server
        .on('GET /metadata/workflow/a', { status: 404 })
        .on('GET /metadata/workflow/b', { status: 400, body: { message: 'no' } });
      const { metadata } = await use.open();
      const late = await use.failure(metadata.waitForWorkflowDef('a', { timeoutMs: 20, pollIntervalMs: 5 }));
      expect(late).toMatchObject({
        code: 'HTTP_TIMEOUT',
        message: 'the definition of the workflow a was not on the server within 20 ms',
      });
      expect((await use.failure(metadata.waitForWorkflowDef('b'))).status).toBe(400);
    });
  });

  describe('workflows', () => {
    it('starts by request and by name', async () => {
      use.server
        .on('POST /workflow', { body: 'w-1' })
        .on('POST /workflow/a%20b', { body: '"w-2"' }, { body: '{"no":"id"}' });
      const { workflows } = await use.open();
      expect(await workflows.start({ name: 'a', input: { x: 1 } })).toBe('w-1');
      expect(use.server.requests[0]?.body).toBe('{"name":"a","input":{"x":1}}');
      expect(
        await workflows.startByName('a b', { x: 1 }, { version: 2, correlationId: 'c&d', priority: 0 }),
      ).toBe('w-2');
      expect(use.server.requests[1]).toMatchObject({
        path: '/api/workflow/a%20b?version=2&correlationId=c%26d&priority=0',
        body: '{"x":1}',
      });
      expect((await use.failure(workflows.startByName('a b'))).code).toBe('HTTP_BODY');
    });

    it('has the other operations', async () => {
      const at = '/workflow/w-1';
      use.server
        .on(`GET ${at}`, { body: { workflowId: 'w-1', status: 'RUNNING' } })
        .on(`GET ${at}/status`, { body: { workflowId: 'w-1', status: 'PAUSED' } })
        .on(`DELETE ${at}`, {})
        .on(`PUT ${at}/pause`, {})
        .on(`PUT ${at}/resume`, {})
        .on(`POST ${at}/retry`, { status: 204 })
        .on(`POST ${at}/restart`, { status: 204 })
        .on('GET /workflow/search-v2', { body: { totalHits: 0, results: [] } });
      const { workflows } = await use.open();
      expect((await workflows.get('w-1', { includeTasks: false })).status).toBe('RUNNING');
      expect(await workflows.getStatus('w-1')).toBe('PAUSED');
      await workflows.terminate('w-1', 'no more');
      await workflows.pause('w-1');
      await workflows.resume('w-1');
      await workflows.retry('w-1');
      await workflows.restart('w-1', { useLatestDefinitions: true });
      expect((await workflows.search("status='RUNNING'")).totalHits).toBe(0);
      expect(use.server.requests.map(({ method, path }) => `${method} ${path.slice(4)}`)).toEqual([
        `GET ${at}?includeTasks=false`,
        `GET ${at}/status`,
        `DELETE ${at}?reason=no%20more`,
        `PUT ${at}/pause`,
        `PUT ${at}/resume`,
        `POST ${at}/retry`,
        `POST ${at}/restart?useLatestDefinitions=true`,
        'GET /workflow/search-v2?start=0&size=100&freeText=*&query=status%3D%27RUNNING%27',
      ]);
    });

    it('waits for the end, over answers that fail', async () => {
      const state = (status: string) => ({ body: { workflowId: 'w-1', status, tasks: [] } });
      use.server.on(
        'GET /workflow/w-1',
        state('RUNNING'),
        { status: 503 },
        'drop',
        state('PAUSED'),
        state('COMPLETED'),
      );
      const { workflows } = await use.open();
      const workflow = await workflows.waitFor('w-1', { pollIntervalMs: 1 });
      expect(workflow).toMatchObject({ status: 'COMPLETED', tasks: [] });
      expect(use.server.requests.at(-1)?.path).toBe('/api/workflow/w-1?includeTasks=true');
    });

    it('stops waiting: time, abort, unknown workflow', async () => {
      use.server.on('GET /workflow/w-1', { body: { workflowId: 'w-1', status: 'RUNNING' } });
      const { workflows } = await use.open();
      const error = await use.failure(workflows.waitFor('w-1', { timeoutMs: 50, pollIntervalMs: 10 }));
      expect(error).toMatchObject({ code: 'HTTP_TIMEOUT', details: { workflowStatus: 'RUNNING' } });
      const controller = new AbortController();
      const waiting = workflows.waitFor('w-1', { signal: controller.signal });
      controller.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
      expect((await use.failure(workflows.waitFor('nope'))).status).toBe(404);
    });

    it('waits no longer once it is closed, and says for which workflow it did', async () => {
      use.server.on('GET /workflow/w-1', { body: { workflowId: 'w-1', status: 'RUNNING' } });
      const clients = await use.open();
      const waiting = clients.workflows
        .waitFor('w-1', { pollIntervalMs: 60_000 })
        .catch((error: unknown) => error);
      await vi.waitFor(() => expect(use.server.requests).toHaveLength(1));
      await clients.close();
      expect(await waiting).toMatchObject({
        code: 'CLIENT_CLOSED',
        message: expect.stringContaining('the end of the workflow w-1') as string,
        details: { workflowId: 'w-1' },
      });
    });
  });

  describe('metadata', () => {
    it('registers, reads and deletes definitions', async () => {
      const definition = { name: 'a b', tasks: [] };
      use.server
        .on('POST /metadata/taskdefs', {})
        .on('PUT /metadata/taskdefs', {})
        .on('DELETE /metadata/taskdefs/a%20b', {})
        .on('GET /metadata/taskdefs/a%20b', { body: { name: 'a b' } })
        .on('GET /metadata/taskdefs', { body: [{ name: 'a b' }] })
        .on('POST /metadata/workflow', {})
        .on('PUT /metadata/workflow', { body: { bulkErrorResults: {} } })
        .on('GET /metadata/workflow/a%20b', { body: definition })
        .on('DELETE /metadata/workflow/a%20b/3', {});
      const { metadata } = await use.open();
      await metadata.registerTaskDefs([]);
      await metadata.registerTaskDefs([{ name: 'a b' }]);
      await metadata.updateTaskDef({ name: 'a b' });
      expect(await metadata.getTaskDef('a b')).toEqual({ name: 'a b' });
      expect(await metadata.getTaskDefs()).toEqual([{ name: 'a b' }]);
      await metadata.deleteTaskDef('a b');
      await metadata.registerWorkflowDef(definition);
      await metadata.registerWorkflowDef(definition, { overwrite: true });
      await metadata.updateWorkflowDefs([definition]);
      expect(await metadata.getWorkflowDef('a b')).toEqual(definition);
      await metadata.getWorkflowDef('a b', 2);
      await metadata.deleteWorkflowDef('a b', 3);
      expect(
        use.server.requests.map(({ method, path, body }) => `${method} ${path.slice(13)} ${body}`.trim()),
      ).toEqual([
        'POST /taskdefs [{"name":"a b"}]',
        'PUT /taskdefs {"name":"a b"}',
        'GET /taskdefs/a%20b',
        'GET /taskdefs',
        'DELETE /taskdefs/a%20b',
        'POST /workflow {"name":"a b","tasks":[]}',
        'POST /workflow?overwrite=true {"name":"a b","tasks":[]}',
        'PUT /workflow [{"name":"a b","tasks":[]}]',
        'GET /workflow/a%20b',
        'GET /workflow/a%20b?version=2',
        'DELETE /workflow/a%20b/3',
      ]);
    });

    it('overwrites on servers that do not know the parameter, and only when told to', async () => {
      const exists = { status: 409, body: { message: 'Workflow with a.1 already exists!' } };
      use.server.on('POST /metadata/workflow', exists).on('PUT /metadata/workflow', {});
      const { metadata } = await use.open();
      expect((await use.failure(metadata.registerWorkflowDef({ name: 'a', tasks: [] }))).status).toBe(409);
      await metadata.registerWorkflowDef({ name: 'a', tasks: [] }, { overwrite: true });
      expect(use.server.of('PUT /metadata/workflow')[0]?.body).toBe('[{"name":"a","tasks":[]}]');
    });

    it('reports what a bulk update refused', async () => {
      use.server.on('PUT /metadata/workflow', {
        body: { bulkErrorResults: { a: 'no tasks' }, bulkSuccessfulResults: ['b'] },
      });
      const { metadata } = await use.open();
      const error = await use.failure(
        metadata.updateWorkflowDefs([
          { name: 'a', tasks: [] },
          { name: 'b', tasks: [] },
        ]),
      );
      expect(error.message).toContain('refused 1 of 2: a: no tasks');
      expect(error.isRetryable).toBe(false);
    });
  });
});
