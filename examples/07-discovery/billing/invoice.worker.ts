import { functionWorker, Worker, type Task } from 'tutti';

@Worker('tutti_example_invoice', 250)
export class InvoiceWorker {
  execute(task: Task<{ order: number }>) {
    return { invoice: `R-${task.inputData.order}` };
  }
}

/** A file may export several workers. */
export const reminder = functionWorker(
  'tutti_example_remind',
  (task: Task<{ order: number }>) => ({ reminder: `order ${task.inputData.order} is paid` }),
  { name: 'reminder', pollInterval: 250 },
);
