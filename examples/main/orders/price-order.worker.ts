import { Worker, type Task, type TaskWorker } from 'tutti';
import { OrderPricing, type OrderLine } from './order-pricing.js';

/** Prices an order. Its service needs other services: the container of the process builds all of them. */
@Worker('tutti_price_order', { pollInterval: 250, concurrency: 5 })
export class PriceOrderWorker implements TaskWorker<{ lines: OrderLine[] }> {
  constructor(private readonly pricing: OrderPricing) {}

  execute(task: Task<{ lines: OrderLine[] }>) {
    return this.pricing.price(task.inputData.lines);
  }
}
