import { injectable } from 'inversify';
import { Clock } from './clock.js';
import { PriceList } from './price-list.js';

const HAPPY_HOURS = { from: 16, to: 18, discountPercent: 20 };

export interface OrderLine {
  article: string;
  quantity: number;
}

/** Calculates the price of an order, in cents. */
@injectable()
export class OrderPricing {
  constructor(
    private readonly prices: PriceList,
    private readonly clock: Clock,
  ) {}

  price(lines: readonly OrderLine[]): { goods: number; discount: number; total: number } {
    const goods = lines.reduce((sum, line) => sum + line.quantity * this.prices.priceOf(line.article), 0);
    const discount = this.isHappyHour() ? Math.round((goods * HAPPY_HOURS.discountPercent) / 100) : 0;
    return { goods, discount, total: goods - discount };
  }

  private isHappyHour(): boolean {
    const hour = this.clock.hour();
    return hour >= HAPPY_HOURS.from && hour < HAPPY_HOURS.to;
  }
}
