import { injectable } from 'inversify';
import { Clock } from './clock.js';

@injectable()
export class Greeter {
  constructor(private readonly clock: Clock) {}

  greet(name: string): string {
    const hour = this.clock.hour();
    if (hour < 12) return `Good morning, ${name}`;
    return hour < 18 ? `Good afternoon, ${name}` : `Good evening, ${name}`;
  }
}
