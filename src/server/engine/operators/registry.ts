import {
  HumanOperator,
  InlineOperator,
  JqOperator,
  LambdaOperator,
  NoopOperator,
  SetVariableOperator,
  TerminateOperator,
  WaitOperator,
} from './engine-operators.js';
import { DoWhileOperator } from './do-while-operator.js';
import { DynamicForkOperator, ForkOperator } from './fork-operators.js';
import { ExclusiveJoinOperator, JoinOperator } from './join-operators.js';
import type { Operator } from './operator.js';
import { DecisionOperator, SwitchOperator } from './switch-operators.js';
import { EventOperator, HttpOperator, SubWorkflowOperator, SystemOperator } from './system-operators.js';
import { DynamicOperator, WorkerOperator } from './worker-operator.js';

const OPERATORS: Readonly<Record<string, Operator>> = {
  SIMPLE: new WorkerOperator((task) => task.name),
  DYNAMIC: new DynamicOperator(operatorFor),
  FORK_JOIN: new ForkOperator(),
  FORK_JOIN_DYNAMIC: new DynamicForkOperator(),
  JOIN: new JoinOperator(),
  EXCLUSIVE_JOIN: new ExclusiveJoinOperator(),
  SWITCH: new SwitchOperator(),
  DECISION: new DecisionOperator(),
  DO_WHILE: new DoWhileOperator(),
  SUB_WORKFLOW: new SubWorkflowOperator(),
  START_WORKFLOW: new SystemOperator(),
  HTTP: new HttpOperator(),
  EVENT: new EventOperator(),
  WAIT: new WaitOperator(),
  HUMAN: new HumanOperator(),
  INLINE: new InlineOperator(),
  LAMBDA: new LambdaOperator(),
  JSON_JQ_TRANSFORM: new JqOperator(),
  SET_VARIABLE: new SetVariableOperator(),
  TERMINATE: new TerminateOperator(),
  NOOP: new NoopOperator(),
};

// The real server gives a type that it does not know to workers, and takes the type as the queue.
const USER_DEFINED = new WorkerOperator((task) => task.type);

/** The operator of a task type of a definition, or of a task on the wire. */
export function operatorFor(type: string): Operator {
  return Object.hasOwn(OPERATORS, type) ? OPERATORS[type]! : USER_DEFINED;
}

/** Every task type that has an operator of its own. */
export function operatorTypes(): string[] {
  return Object.keys(OPERATORS);
}
