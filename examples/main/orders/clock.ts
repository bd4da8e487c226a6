import { injectable } from 'inversify';

/** What time it is. A service of its own, so that tests can bind another one. */
@injectable()
export class Clock {
  hour(): number {
    return new Date().getHours();
  }
}
