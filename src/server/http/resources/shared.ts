import { randomUUID } from 'node:crypto';
import { badRequest } from '../../model/api-error.js';
import type { SearchRequest } from '../../engine/search.js';
import { json, type Reply } from '../reply.js';
import type { ApiRequest } from '../request.js';

/** The parameters that all searches have. */
export function readSearch(request: ApiRequest): SearchRequest {
  const size = request.int('size', 100);
  return {
    query: request.optional('query') ?? '',
    freeText: request.optional('freeText') ?? '*',
    sort: request.optional('sort') ?? '',
    // As in SQL: a negative start is none, a negative size is no limit.
    start: Math.max(0, request.int('start', 0)),
    size: size < 0 ? Number.POSITIVE_INFINITY : size,
  };
}

const OPERATIONS = ['READ', 'WRITE'];
const PAYLOAD_TYPES = ['WORKFLOW_INPUT', 'WORKFLOW_OUTPUT', 'TASK_INPUT', 'TASK_OUTPUT'];

/** Where a large payload would be put: as on a server whose storage is the default one, which keeps nothing. */
export function externalStorageLocation(request: ApiRequest): Reply {
  const path = request.required('path');
  const operation = request.required('operation');
  const payloadType = request.required('payloadType');
  if (!OPERATIONS.includes(operation.toUpperCase()) || !PAYLOAD_TYPES.includes(payloadType.toUpperCase())) {
    throw badRequest(`Invalid input - Operation: ${operation}, PayloadType: ${payloadType}`);
  }
  return json({ path: `${path}${randomUUID()}.json` });
}
