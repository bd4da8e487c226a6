import { json, text } from '../reply.js';
import type { Route } from '../router.js';

/** The release of Conductor whose API this server speaks. */
export const CONDUCTOR_VERSION = '3.32.1';

const HEALTHY = { healthResults: [], suppressedHealthResults: [], healthy: true };

/** Health and version. */
export function systemRoutes(): Route[] {
  return [
    ['GET', '/health', () => json(HEALTHY)],
    ['GET', '/api/health', () => json(HEALTHY)],
    ['GET', '/api/version', () => text(CONDUCTOR_VERSION)],
  ];
}
