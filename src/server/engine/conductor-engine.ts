import { Deliveries } from './deliveries.js';
import { Engine, type EngineOptions, type Evaluator } from './engine.js';
import { Lifecycle } from './lifecycle.js';
import { eventTask } from './system/events.js';
import { httpTask, type HttpTargets } from './system/http-task.js';
import { startWorkflowTask, subWorkflowTask } from './system/workflow-tasks.js';
import { TaskUpdates } from './task-updates.js';

/** The engine with everything that a Conductor server does with it. */
export interface ConductorEngine {
  readonly core: Engine;
  readonly deliveries: Deliveries;
  readonly updates: TaskUpdates;
  readonly lifecycle: Lifecycle;
}

/** Puts the parts together. */
export function conductorEngine(
  options: Omit<EngineOptions, 'systemTasks'> & {
    readonly evaluator: Evaluator;
    readonly httpTargets?: HttpTargets;
  },
): ConductorEngine {
  const core: Engine = new Engine({
    ...options,
    systemTasks: {
      SUB_WORKFLOW: subWorkflowTask,
      START_WORKFLOW: startWorkflowTask,
      HTTP: httpTask(options.httpTargets ?? 'loopback'),
      EVENT: eventTask(options.evaluator, () => updates),
    },
  });
  const updates: TaskUpdates = new TaskUpdates(core);
  return { core, updates, deliveries: new Deliveries(core), lifecycle: new Lifecycle(core) };
}
