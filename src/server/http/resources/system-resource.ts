import { openApiOf } from '../openapi.js';
import { json, text } from '../reply.js';
import type { Route } from '../router.js';

/** The release of Conductor whose API this server speaks. */
export const CONDUCTOR_VERSION = '3.32.1';

const HEALTHY = { healthResults: [], suppressedHealthResults: [], healthy: true };

/** Health and version, and `/api-docs`: an OpenAPI document of `others` and of these. */
export function systemRoutes(others: readonly Route[]): Route[] {
  const routes: Route[] = [
    ['GET', '/health', () => json(HEALTHY)],
    ['GET', '/api/health', () => json(HEALTHY)],
    ['GET', '/api/version', () => text(CONDUCTOR_VERSION)],
    ['GET', '/api-docs', () => json(openApiOf([...routes, ...others], CONDUCTOR_VERSION))],
  ];
  return routes;
}
