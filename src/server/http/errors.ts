import { hostname } from 'node:os';
import { describeThrown } from '../../core/errors.js';
import { ApiError } from '../model/api-error.js';
import { json, type Reply } from './reply.js';

const INSTANCE = hostname();

/** The error body of the real server. One that reports broken rules does not name the instance. */
export function errorReply(error: unknown): Reply {
  const status = error instanceof ApiError ? error.status : 500;
  const message = describeThrown(error);
  if (error instanceof ApiError && error.validationErrors !== undefined) {
    return json({ status, message, retryable: false, validationErrors: error.validationErrors }, status);
  }
  const code = error instanceof ApiError ? error.code : undefined;
  // Properties without a value are left out by the serialisation.
  return json({ status, message, error: code, instance: INSTANCE, retryable: false }, status);
}
