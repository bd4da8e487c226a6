import { injectable } from 'inversify';
import { NonRetryableError } from 'tutti';

/** Prices in cents. */
@injectable()
export class PriceList {
  readonly #prices = new Map([
    ['espresso', 220],
    ['flat white', 380],
    ['cinnamon bun', 310],
  ]);

  priceOf(article: string): number {
    const price = this.#prices.get(article);
    // Retrying would not put it on the list.
    if (price === undefined) throw new NonRetryableError(`There is no "${article}" on the price list`);
    return price;
  }
}
