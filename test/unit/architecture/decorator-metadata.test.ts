import 'reflect-metadata';
import { Container, injectable } from 'inversify';
import { expect, test } from 'vitest';

@injectable()
class Clock {
  now(): number {
    return 42;
  }
}

@injectable()
class Greeter {
  constructor(private readonly clock: Clock) {}
  greet(): string {
    return `it is ${this.clock.now()}`;
  }
}

test('a constructor parameter is injected by its type, without a decorator on the parameter', () => {
  const container = new Container();
  container.bind(Clock).toSelf();
  container.bind(Greeter).toSelf();
  expect(container.get(Greeter).greet()).toBe('it is 42');
});
