import { internal, throwInvalid, type ValidationError } from '../../model/api-error.js';
import type { JsonObject } from '../../../conductor/wire/types.js';
import { readArray, readBoolean, readObject, readOneOf, readString } from '../../model/fields.js';
import type { ConductorEngine } from '../../engine/conductor-engine.js';
import type { EventHandler } from '../../engine/store.js';
import { EMPTY, json } from '../reply.js';
import type { Route } from '../router.js';

/** `/api/event`: what happens when an event arrives. */
export function eventRoutes(engine: ConductorEngine): Route[] {
  const { store } = engine.core;
  return [
    [
      'POST',
      '/api/event',
      (request) => {
        const handler = readHandler(request.json(), 'addEventHandler.arg0');
        if (store.getEventHandler(handler.name) !== undefined) {
          throw internal(`EventHandler with name ${handler.name} already exists!`);
        }
        store.putEventHandler(handler);
        return EMPTY;
      },
    ],
    [
      'PUT',
      '/api/event',
      (request) => {
        const handler = readHandler(request.json(), 'updateEventHandler.arg0');
        if (store.getEventHandler(handler.name) === undefined) throw missing(handler.name);
        store.putEventHandler(handler);
        return EMPTY;
      },
    ],
    [
      'DELETE',
      '/api/event/{name}',
      (request) => {
        if (!store.deleteEventHandler(request.param('name'))) throw missing(request.param('name'));
        return EMPTY;
      },
    ],
    ['GET', '/api/event', () => json(store.listEventHandlers())],
    [
      'GET',
      '/api/event/{event}',
      (request) => {
        const activeOnly = request.flag('activeOnly', true);
        const found = store
          .listEventHandlers()
          .filter((handler) => handler.event === request.param('event') && (handler.active || !activeOnly));
        return json(found);
      },
    ],
  ];
}

// 500 and not 404 or 409: that is what the real server answers.
function missing(name: string): Error {
  return internal(`EventHandler with name ${name} not found!`);
}

function readHandler(value: unknown, path: string): EventHandler {
  const body = readObject(value, 'an event handler');
  const name = readString(body, 'name') ?? '';
  const event = readString(body, 'event') ?? '';
  const actions =
    body['actions'] === undefined || body['actions'] === null
      ? []
      : readArray(body['actions'], 'actions').map((action) =>
          readAction(readObject(action, 'an action of an event handler')),
        );
  const errors: ValidationError[] = [];
  if (name === '') errors.push({ path: `${path}.name`, message: 'Missing event handler name' });
  if (event === '') errors.push({ path: `${path}.event`, message: 'Missing event location' });
  if (actions.length === 0)
    errors.push({
      path: `${path}.actions`,
      message: 'No actions specified. Please specify at-least one action',
    });
  throwInvalid(errors);
  return { ...body, name, event, actions, active: readBoolean(body, 'active', false) };
}

const ACTIONS = [
  'start_workflow',
  'complete_task',
  'fail_task',
  'terminate_workflow',
  'update_workflow_variables',
  'start_agent',
] as const;

function readAction(body: JsonObject): JsonObject {
  const start = body['start_workflow'];
  return {
    ...body,
    action: readOneOf(body, 'action', ACTIONS),
    ...(typeof start === 'object' && start !== null ? { start_workflow: { input: {}, ...start } } : {}),
    expandInlineJSON: readBoolean(body, 'expandInlineJSON', false),
  };
}
