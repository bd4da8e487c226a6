import { Worker, type Task, type TaskWorker } from 'tutti';
import { SumLibrary } from './sum-library.js';

/** Returns the sum of two numbers, computed in C++. */
@Worker('tutti_cpp_sum', 250)
export class CppWorker implements TaskWorker<{ a: number; b: number }, { sum: number }> {
  constructor(private readonly library: SumLibrary) {}

  execute(task: Task<{ a: number; b: number }>) {
    return { sum: this.library.getSum(task.inputData.a, task.inputData.b) };
  }
}
