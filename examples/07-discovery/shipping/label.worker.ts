import { Worker, type Task } from 'tutti';
import { ParcelService } from './parcel-service.js';

@Worker('tutti_example_label', 250)
export class LabelWorker {
  constructor(private readonly parcels: ParcelService) {}

  execute(task: Task<{ order: number }>) {
    return { label: this.parcels.labelFor(task.inputData.order) };
  }
}
