import { ContainerModule } from 'inversify';
import { Clock } from './clock.js';
import { Greeter } from './greeter.js';
import { OrderPricing } from './order-pricing.js';
import { PriceList } from './price-list.js';

/** The services of the order workers. Each worker process loads them into its own container. */
export const ordersModule = new ContainerModule(({ bind }) => {
  bind(Clock).toSelf();
  bind(PriceList).toSelf();
  bind(OrderPricing).toSelf();
  bind(Greeter).toSelf();
});
