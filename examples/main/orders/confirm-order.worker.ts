import { functionWorker, type Task, type TaskContext } from 'tutti';
import { Greeter } from './greeter.js';

interface Confirmation {
  customer: string;
  /** In cents. */
  total: number;
}

function confirmOrder(task: Task<Confirmation>, _context: TaskContext, greeter: Greeter) {
  const { customer, total } = task.inputData;
  return { text: `${greeter.greet(customer)}! That is ${(total / 100).toFixed(2)} euros.` };
}

/** Services can be injected into functions too: they are passed after the task and its context. */
export const confirmOrderWorker = functionWorker('tutti_confirm_order', confirmOrder, {
  inject: [Greeter],
  pollInterval: 250,
});
