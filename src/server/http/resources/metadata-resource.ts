import type { FullWorkflowDef } from '../../model/definitions.js';
import type { ConductorEngine } from '../../engine/conductor-engine.js';
import { scriptErrors } from '../../engine/script-syntax.js';
import { throwInvalid } from '../../model/api-error.js';
import { readArray } from '../../model/fields.js';
import { EMPTY, json, type Reply } from '../reply.js';
import { parseInteger, type ApiRequest } from '../request.js';
import type { Route } from '../router.js';

/** `/api/metadata`: definitions of tasks and workflows. */
export function metadataRoutes(engine: ConductorEngine): Route[] {
  const { catalogue } = engine.core;
  return [
    ['POST', '/api/metadata/taskdefs', done((request) => catalogue.registerTaskDefs(request.json()))],
    ['PUT', '/api/metadata/taskdefs', done((request) => catalogue.updateTaskDef(request.json()))],
    ['GET', '/api/metadata/taskdefs', () => json(catalogue.taskDefs())],
    ['GET', '/api/metadata/taskdefs/{name}', (request) => json(catalogue.taskDef(request.param('name')))],
    [
      'DELETE',
      '/api/metadata/taskdefs/{name}',
      done((request) => catalogue.deleteTaskDef(request.param('name'))),
    ],
    [
      'POST',
      '/api/metadata/workflow',
      async (request) => {
        const def = await checked(engine, request.json(), 'registerWorkflowDef.arg0');
        catalogue.registerWorkflowDef(def, request.flag('overwrite', false));
        return EMPTY;
      },
    ],
    [
      'POST',
      '/api/metadata/workflow/validate',
      async (request) => {
        await checked(engine, request.json(), 'validateWorkflowDef.arg0');
        return EMPTY;
      },
    ],
    [
      'PUT',
      '/api/metadata/workflow',
      async (request) => {
        const defs: FullWorkflowDef[] = [];
        const given = readArray(request.json(), 'the list of workflow definitions');
        if (given.length === 0) {
          throwInvalid([{ path: 'updateWorkflowDef.arg0', message: 'WorkflowDefList is empty' }]);
        }
        for (const [index, item] of given.entries()) {
          defs.push(await checked(engine, item, `updateWorkflowDef.arg0[${index}]`));
        }
        catalogue.updateWorkflowDefs(defs);
        return json({ bulkErrorResults: {}, bulkSuccessfulResults: defs.map((def) => def.name) });
      },
    ],
    ['GET', '/api/metadata/workflow', () => json(catalogue.workflowDefs())],
    ['GET', '/api/metadata/workflow/names', () => json(names(catalogue.workflowDefs()))],
    [
      'GET',
      '/api/metadata/workflow/names-and-versions',
      () => json(versionsByName(catalogue.workflowDefs())),
    ],
    ['GET', '/api/metadata/workflow/latest-versions', () => json(latest(catalogue.workflowDefs()))],
    [
      'GET',
      '/api/metadata/workflow/{name}',
      (request) => json(catalogue.workflowDef(request.param('name'), request.optionalInt('version'))),
    ],
    [
      'GET',
      '/api/metadata/workflow/{name}/versions',
      (request) => json(versionsByName(catalogue.workflowDefs())[request.param('name')] ?? []),
    ],
    [
      'DELETE',
      '/api/metadata/workflow/{name}/{version}',
      done((request) =>
        catalogue.deleteWorkflowDef(request.param('name'), parseInteger('version', request.param('version'))),
      ),
    ],
  ];
}

/** @param path - where the definition stands in the request, for the error body */
async function checked(engine: ConductorEngine, body: unknown, path: string): Promise<FullWorkflowDef> {
  const { catalogue, evaluator } = engine.core;
  const def = catalogue.checkWorkflowDef(body, path);
  throwInvalid(await scriptErrors(def, path, evaluator));
  return def;
}

function done(act: (request: ApiRequest) => void): (request: ApiRequest) => Reply {
  return (request) => {
    act(request);
    return EMPTY;
  };
}

function names(defs: readonly FullWorkflowDef[]): string[] {
  return [...new Set(defs.map((def) => def.name))].sort();
}

function latest(defs: readonly FullWorkflowDef[]): FullWorkflowDef[] {
  // Versions of a name come in ascending order: the last one stays.
  return [...new Map(defs.map((def) => [def.name, def])).values()];
}

function versionsByName(defs: readonly FullWorkflowDef[]): Record<string, unknown[]> {
  // Without a prototype: a workflow may be called `constructor`.
  const result = Object.create(null) as Record<string, unknown[]>;
  for (const { name, version, createTime, updateTime } of defs) {
    const summary = { name, version, createTime, ...(updateTime === 0 ? {} : { updateTime }) };
    (result[name] ??= []).push(summary);
  }
  return result;
}
