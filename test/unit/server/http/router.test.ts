import { describe, expect, it } from 'vitest';
import { EMPTY } from '../../../../src/server/http/reply.js';
import { Router, type Route } from '../../../../src/server/http/router.js';

const route = (method: string, pattern: string): Route => [method, pattern, () => EMPTY];

const routes = [
  route('GET', '/api/tasks/{taskId}'),
  route('GET', '/api/tasks/search'),
  route('POST', '/api/tasks'),
  route('POST', '/api/tasks/{workflowId}/{ref}/{status}'),
  route('POST', '/api/tasks/queue/requeue/{taskType}'),
  route('GET', '/api/tasks/queue/{what}'),
];

describe('Router', () => {
  const router = new Router(routes);

  it.each([
    ['GET', '/api/tasks/search', 1, {}],
    ['GET', '/api/tasks/abc', 0, { taskId: 'abc' }],
    ['HEAD', '/api/tasks/abc', 0, { taskId: 'abc' }],
    ['GET', '/api/tasks/a%20b%2Fc', 0, { taskId: 'a b/c' }],
    ['GET', '/api/tasks/100%', 0, { taskId: '100%' }],
    ['POST', '/api/tasks/queue/requeue/x', 4, { taskType: 'x' }],
    ['POST', '/api/tasks/queue/other/x', 3, { workflowId: 'queue', ref: 'other', status: 'x' }],
  ] as const)('%s %s', (method, path, index, params) => {
    const found = router.find(method, path);
    expect(found.params).toEqual(params);
    expect(found.handler).toBe(routes[index]![2]);
  });

  it.each([
    ['GET', '/api/nothing', 404, 'No static resource api/nothing.'],
    ['GET', '/api/tasks/', 404, 'No static resource api/tasks.'],
    ['GET', '/', 404, 'No static resource .'],
    ['DELETE', '/api/tasks', 405, "Request method 'DELETE' is not supported"],
    ['PUT', '/api/tasks/x', 405, "Request method 'PUT' is not supported"],
  ])('%s %s is answered %i', (method, path, status, message) => {
    expect(() => router.find(method, path)).toThrow(expect.objectContaining({ status, message }));
  });

  it('does not take the same route twice', () => {
    expect(() => new Router([...routes, route('GET', '/api/tasks/{other}')])).toThrow(/declared twice/);
  });
});
