import type { JsonObject } from '../../conductor/wire/types.js';
import type { Route } from './router.js';

const ERROR = {
  description:
    'Refused; the message says why. Much that other APIs answer with 400 is answered with 500 here.',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/ErrorResponse' } } },
};

const ERROR_RESPONSE = {
  type: 'object',
  required: ['status', 'message', 'retryable'],
  properties: {
    status: { type: 'integer' },
    message: { type: 'string' },
    instance: { type: 'string' },
    retryable: { type: 'boolean' },
    validationErrors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: {
          path: { type: 'string' },
          message: { type: 'string' },
          invalidValue: { type: 'string' },
        },
      },
    },
  },
};

/** Describes routes as an OpenAPI 3 document: their methods, paths and parameters of paths. */
export function openApiOf(routes: readonly Route[], version: string): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const [method, pattern] of routes) {
    (paths[pattern] ??= {})[method.toLowerCase()] = operation(method, pattern);
  }
  return {
    openapi: '3.0.3',
    info: { title: 'Conductor API of the embedded server', version },
    paths,
    components: { schemas: { ErrorResponse: ERROR_RESPONSE } },
  };
}

function operation(method: string, pattern: string): JsonObject {
  const parts = pattern.split('/').filter((part) => part !== '');
  const names = parts.filter((part) => part.startsWith('{')).map((part) => part.slice(1, -1));
  return {
    operationId: [method.toLowerCase(), ...parts.map((part) => part.replace(/[{}]/g, ''))].join('_'),
    tags: [parts[0] === 'api' ? (parts[1] ?? 'api') : 'system'],
    parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...(method === 'GET' || method === 'DELETE'
      ? {}
      : { requestBody: { content: { 'application/json': { schema: {} } } } }),
    responses: { 200: { description: 'Done, or what was asked for.' }, default: ERROR },
  };
}
