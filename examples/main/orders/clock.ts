import { injectable } from 'inversify';

/** The current time. A separate service, so that tests can replace it. */
@injectable()
export class Clock {
  hour(): number {
    return new Date().getHours();
  }
}
