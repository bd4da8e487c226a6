import type { JsonObject } from '../../../conductor/wire/types.js';
import type { FullWorkflowTask } from '../../model/definitions.js';
import { refInIteration } from '../../model/graph.js';
import { isSuccessfulTask, isTerminalTask, type TaskModel } from '../../model/models.js';
import type { Placement } from '../decider-context.js';
import type { Deciding } from '../deciding.js';
import { joinRefs, type Execution } from '../execution.js';
import { Operator } from './operator.js';

/** JOIN: waits for the last task of each branch, and has their outputs. */
export class JoinOperator extends Operator {
  override readonly kind = 'engine';

  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    return [
      deciding.add(task, at, { taskType: 'JOIN', taskDefName: 'JOIN', inputData: { joinOn: task.joinOn } }),
    ];
  }

  override advance(deciding: Deciding, join: TaskModel): void {
    const { execution } = deciding;
    const refs = joinRefs(join);
    if (execution.isJoinWaiting(join.taskId)) return;
    const joined = refs.map((ref) => execution.latest(ref));
    if (!joined.every(isSettled)) {
      execution.awaitRefs(join.taskId, refs);
      return;
    }
    const tasks = joined as TaskModel[];
    const outputData: JsonObject = { ...join.outputData };
    const failed = tasks.filter((task) => !isSuccessfulTask(task.status));
    const counting = failed.filter((task) => !task.workflowTask.optional);
    const failedAt = counting.length === 0 ? tasks.length : tasks.indexOf(counting[0]!);
    tasks.forEach((task, index) => {
      // The real server looks no further than the first failure; what is behind it was gathered before, or is missing.
      const output = (index <= failedAt ? task : execution.committed(task.taskId))?.outputData ?? {};
      if (Object.keys(output).length > 0) outputData[refs[index]!] = output;
    });
    if (counting.length > 0) {
      const reason = failed.flatMap((task) => task.reasonForIncompletion ?? []).join(' ');
      const isCanceled = counting.every((task) => task.status === 'CANCELED');
      deciding.fail(join, reason, { outputData, status: isCanceled ? 'CANCELED' : 'FAILED' });
      return;
    }
    const withErrors = tasks.filter(
      (task) => task.workflowTask.optional && task.status === 'COMPLETED_WITH_ERRORS',
    );
    if (withErrors.length === 0) {
      deciding.complete(join, outputData);
      return;
    }
    const names = withErrors.map((task) => `${task.taskDefName}/${task.taskId} `).join('');
    execution.change(join.taskId, {
      status: 'COMPLETED_WITH_ERRORS',
      outputData,
      reasonForIncompletion: `${names}completed with errors`,
    });
  }
}

/**
 * What a JOIN has so far when its workflow ends around it. The real server fills it in as it comes around; what this very
 * decision has brought comes too late for that.
 */
export function joinOutputSoFar(execution: Execution, join: TaskModel): JsonObject {
  const outputData: JsonObject = { ...join.outputData };
  for (const ref of joinRefs(join)) {
    const task = execution.latest(ref);
    if (task === undefined) continue;
    // A JOIN of an inner fork was filled just now: it was scheduled before this one.
    const known = task.taskType === 'JOIN' ? task : execution.committed(task.taskId);
    const output = known?.outputData;
    if (output !== undefined && Object.keys(output).length > 0) outputData[ref] = output;
  }
  return outputData;
}

/** EXCLUSIVE_JOIN: has the output of the first of several tasks that was scheduled. */
export class ExclusiveJoinOperator extends Operator {
  override readonly kind = 'engine';

  override schedule(deciding: Deciding, task: FullWorkflowTask, at: Placement): TaskModel[] {
    const { joinOn, defaultExclusiveJoinTask } = task;
    const inputData = { joinOn, defaultExclusiveJoinTask };
    const join = deciding.add(task, at, {
      taskType: 'EXCLUSIVE_JOIN',
      taskDefName: 'EXCLUSIVE_JOIN',
      inputData,
    });
    return [join];
  }

  override advance(deciding: Deciding, join: TaskModel): void {
    const { execution } = deciding;
    const found = (refs: readonly string[]): TaskModel | undefined =>
      refs
        .map((ref) => execution.latest(ref))
        .find((task) => task !== undefined && task.status !== 'SKIPPED');
    const refs = joinRefs(join);
    const task = found(refs) ?? found(defaultsOf(join));
    if (task === undefined || !isSettled(task)) {
      execution.awaitRefs(join.taskId, [...refs, ...defaultsOf(join)]);
      return;
    }
    if (isSuccessfulTask(task.status)) deciding.complete(join, task.outputData);
    else deciding.fail(join, task.reasonForIncompletion);
  }
}

function defaultsOf(join: TaskModel): string[] {
  const refs = join.inputData['defaultExclusiveJoinTask'];
  return Array.isArray(refs) ? refs.map((ref) => refInIteration(String(ref), join.iteration)) : [];
}

/** It has ended, and no other attempt follows. */
function isSettled(task: TaskModel | undefined): boolean {
  if (task === undefined || !isTerminalTask(task.status)) return false;
  return isSuccessfulTask(task.status) || task.executed || task.status === 'CANCELED';
}
