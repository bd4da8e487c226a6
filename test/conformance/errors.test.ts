import { describe, expect, it } from 'vitest';
import { conformanceServer } from '../support/conformance-server.js';

const server = conformanceServer();

describe('unknown routes', () => {
  it('answer 404 with a JSON body; /token is one of them, since there is no authentication', async () => {
    for (const [method, path] of [
      ['POST', '/token'],
      ['GET', '/no/such/thing'],
      ['GET', '/tasks/'],
    ] as const) {
      const answer = await server.request(method, path, method === 'POST' ? {} : undefined);
      expect(answer.status).toBe(404);
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
      expect(answer.body).toMatchObject({
        status: 404,
        message: `No static resource api${path.replace(/\/$/, '')}.`,
        retryable: false,
        instance: expect.any(String),
      });
    }
  });

  it('answer 405 when only the method is wrong', async () => {
    const answer = await server.request('GET', '/workflow');
    expect(answer.status).toBe(405);
    expect(answer.body).toMatchObject({ message: "Request method 'GET' is not supported", retryable: false });
  });
});

describe('bad requests', () => {
  it.each([
    ['POST', '/tasks', '{bad'],
    ['POST', '/workflow', '"a string"'],
    ['POST', '/metadata/taskdefs', '{"name":"not a list"}'],
    ['POST', '/metadata/taskdefs', '[{"name":"x","retryLogic":"SOMETIMES"}]'],
    ['POST', '/tasks', '{"taskId":"a","workflowInstanceId":"b","status":"TIMED_OUT"}'],
  ])('%s %s with %s is answered 500', async (method, path, body) => {
    const answer = await server.request(method, path, body);
    expect(answer.status).toBe(500);
    expect(answer.body).toMatchObject({
      status: 500,
      retryable: false,
      message: expect.stringMatching(/^JSON parse error/),
    });
  });

  it('without the parameter that is needed, or with a wrong one, are answered 500', async () => {
    expect((await server.request('GET', '/tasks/queue/size')).status).toBe(500);
    expect((await server.request('GET', '/tasks/queue/sizes')).status).toBe(500);
    expect((await server.request('GET', '/tasks/poll/batch/x?timeout=soon')).status).toBe(500);
    expect((await server.request('POST', '/tasks')).status).toBe(500);
  });

  it.each(['text/plain', 'application/octet-stream', 'application/x-www-form-urlencoded'])(
    'with a body of type %s instead of JSON are answered 500',
    async (type) => {
      const answer = await server.request('POST', '/workflow', '{"name":"x"}', {
        headers: { 'content-type': type },
      });
      expect(answer.status).toBe(500);
      expect(answer.body).toMatchObject({
        message: expect.stringMatching(new RegExp(`^Content-Type '${type}.*' is not supported$`)),
      });
    },
  );

  it('name every missing field of a result', async () => {
    const answer = await server.request<{ validationErrors: { message: string }[] }>('POST', '/tasks', {});
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      message: 'Validation failed, check below errors for detail.',
      retryable: false,
    });
    expect(answer.body).not.toHaveProperty('instance');
    expect(answer.body.validationErrors.map((error) => error.message).sort()).toEqual([
      'Task ID cannot be null or empty',
      'Workflow Id cannot be null or empty',
    ]);
  });

  it('to start a workflow are refused with the reason', async () => {
    const none = server.name('none');
    const unknown = await server.request('POST', '/workflow', { name: none });
    expect(unknown.status).toBe(404);
    expect(unknown.body).toMatchObject({ message: `No such workflow defined. name=${none}, version=null` });
    const byName = await server.request('POST', `/workflow/${none}?version=2`, {});
    expect(byName.status).toBe(404);
    expect(byName.body).toMatchObject({ message: `No such workflow found by name: ${none}, version: 2` });
    const priority = await server.request('POST', '/workflow', { name: none, priority: 100 });
    expect(priority.status).toBe(400);
    expect(priority.body).toMatchObject({
      validationErrors: [
        { path: 'startWorkflow.arg0.priority', message: 'priority: 100 should be maximum 99' },
      ],
    });
  });
});

describe('reading what is not there', () => {
  it.each([
    ['/tasks/nothing', 'Task not found for taskId: nothing'],
    ['/workflow/nothing', 'No such workflow found by id: nothing'],
    ['/workflow/nothing/status', 'No such workflow found by id: nothing'],
    ['/metadata/taskdefs/nothing', 'No such taskType found by name: nothing'],
    ['/metadata/workflow/nothing', 'No such workflow found by name: nothing, version: null'],
  ])('GET %s is answered 404', async (path, message) => {
    const answer = await server.request('GET', path);
    expect(answer.status).toBe(404);
    expect(answer.body).toMatchObject({ status: 404, message });
  });
});

describe('/api-docs', () => {
  it('is an OpenAPI document of the endpoints', async () => {
    const answer = await fetch(new URL('/api-docs', server.url));
    expect(answer.status).toBe(200);
    const { openapi, paths } = (await answer.json()) as {
      openapi: string;
      paths: Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>;
    };
    expect(openapi).toMatch(/^3\./);
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/api/tasks/update-v2', '/api/workflow/bulk/pause', '/api/version']),
    );
    const pause = paths['/api/workflow/{workflowId}/pause'] ?? paths['/api/workflow/{id}/pause'];
    expect(pause?.['put']?.parameters).toEqual([expect.objectContaining({ in: 'path' })]);
  });
});

describe('health and version', () => {
  it('are answered', async () => {
    expect((await server.request('GET', '/health')).body).toMatchObject({ healthy: true });
    const root = await fetch(`${server.url.replace(/\/api\/?$/, '')}/health`);
    expect(await root.json()).toMatchObject({ healthy: true });
    const version = await server.request('GET', '/version');
    expect(version.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(version.text).toMatch(/^\d+\.\d+/);
  });
});
