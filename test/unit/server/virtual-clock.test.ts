import { describe, expect, expectTypeOf, it } from 'vitest';
import { ConfigurationError } from '../../../src/core/errors.js';
import { Clock, embeddedServer, virtualClock, type VirtualClock } from '../../../src/server/index.js';
import type { ClockUser } from '../../../src/server/clock/virtual-clock.js';

/** What a server says of itself, as a test wants it. */
class User implements ClockUser {
  isQuiet = true;
  readonly #listeners = new Set<() => void>();
  readonly #idle: (() => void)[] = [];
  isBusy = false;

  async idle(): Promise<void> {
    if (this.isBusy) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  done(): void {
    this.isBusy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  change(fields: { isQuiet?: boolean } = {}): void {
    Object.assign(this, fields);
    for (const listener of this.#listeners) listener();
  }
}

function record(clock: VirtualClock): { at: (delayMs: number, name: string) => () => void; seen: string[] } {
  const seen: string[] = [];
  return {
    seen,
    at: (delayMs, name) => clock.after(delayMs, () => seen.push(`${name} at ${clock.now()}`)),
  };
}

/** What is planned for the next turn of the loop has happened. */
async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

describe('advance', () => {
  it('runs what is due in the order of its times, each at its own time', async () => {
    const clock = virtualClock({ now: 1_000 });
    const { at, seen } = record(clock);
    at(300, 'third');
    at(100, 'first');
    at(200, 'second');
    at(301, 'too late');
    await clock.advance(300);
    expect(seen).toEqual(['first at 1100', 'second at 1200', 'third at 1300']);
    expect(clock.now()).toBe(1_300);
  });

  it('runs timers of the same moment in the order in which they were set', async () => {
    const clock = virtualClock({ now: 0 });
    const { at, seen } = record(clock);
    at(100, 'a');
    at(100, 'b');
    await clock.advance(100);
    expect(seen).toEqual(['a at 100', 'b at 100']);
  });

  it('runs timers that are set on the way', async () => {
    const clock = virtualClock({ now: 0 });
    const seen: number[] = [];
    const tick = (): void => {
      seen.push(clock.now());
      clock.after(60_000, tick);
    };
    clock.after(60_000, tick);
    await clock.advance('3 minutes');
    expect(seen).toEqual([60_000, 120_000, 180_000]);
  });

  it('does not run a timer that was cancelled, also by an earlier one', async () => {
    const clock = virtualClock({ now: 0 });
    const { at, seen } = record(clock);
    const cancel = at(20, 'cancelled');
    clock.after(10, cancel);
    await clock.advance(30);
    expect(seen).toEqual([]);
  });

  it.each([
    ['2 days', 172_800_000],
    ['90m', 5_400_000],
    [250, 250],
  ])('takes %s', async (duration, ms) => {
    const clock = virtualClock({ now: new Date(5) });
    await clock.advance(duration);
    expect(clock.now()).toBe(5 + ms);
  });

  it.each([-1, Number.NaN, 'two days', ''])('refuses %s', (duration) => {
    expect(() => virtualClock().advance(duration)).toThrow(ConfigurationError);
    expect(() => virtualClock().advance(duration)).toThrow('clock.advance(): expected a duration');
  });

  it('waits for what a timer has set off before time goes on', async () => {
    const clock = virtualClock({ now: 0 });
    const user = new User();
    clock.attach(user);
    const { at, seen } = record(clock);
    clock.after(10, () => (user.isBusy = true));
    at(20, 'next');
    const advanced = clock.advance(20);
    await turns();
    expect(seen).toEqual([]);
    expect(clock.now()).toBe(10);
    user.done();
    await advanced;
    expect(seen).toEqual(['next at 20']);
  });

  it('called twice adds up', async () => {
    const clock = virtualClock({ now: 0 });
    await Promise.all([clock.advance(10), clock.advance(10)]);
    expect(clock.now()).toBe(20);
  });

  it('reports what a timer throws, and goes on working', async () => {
    const clock = virtualClock({ now: 0 });
    clock.after(10, () => {
      throw new Error('no');
    });
    await expect(clock.advance(10)).rejects.toThrow('no');
    await clock.advance(5);
    expect(clock.now()).toBe(15);
  });
});

describe('autoSkip', () => {
  it('jumps from one moment to the next while the server is quiet', async () => {
    const clock = virtualClock({ now: 0, autoSkip: true });
    clock.attach(new User());
    const { at, seen } = record(clock);
    at(3_600_000, 'an hour');
    at(86_400_000, 'a day');
    await turns(20);
    expect(seen).toEqual(['an hour at 3600000', 'a day at 86400000']);
    expect(clock.now()).toBe(86_400_000);
  });

  it('stands still while something is under way, and goes on afterwards', async () => {
    const clock = virtualClock({ now: 0, autoSkip: true });
    const user = new User();
    user.isQuiet = false;
    clock.attach(user);
    const { at, seen } = record(clock);
    at(1_000, 'later');
    await turns();
    expect(seen).toEqual([]);
    user.change({ isQuiet: true });
    await turns();
    expect(seen).toEqual(['later at 1000']);
  });

  it('looks again before it jumps: work may come while the clock is turned by hand', async () => {
    const clock = virtualClock({ now: 0, autoSkip: true });
    const user = new User();
    clock.attach(user);
    const { at, seen } = record(clock);
    user.isBusy = true;
    const advanced = clock.advance(10);
    at(1_000, 'later');
    await turns();
    user.isQuiet = false;
    user.done();
    await advanced;
    await turns();
    expect(clock.now()).toBe(10);
    expect(seen).toEqual([]);
  });

  it('can be switched on and off', async () => {
    const clock = virtualClock({ now: 0 });
    clock.attach(new User());
    const { at, seen } = record(clock);
    at(1_000, 'first');
    await turns();
    expect(seen).toEqual([]);
    clock.autoSkip = true;
    await turns();
    expect(seen).toEqual(['first at 1000']);
    clock.autoSkip = false;
    at(1_000, 'second');
    await turns();
    expect(seen).toHaveLength(1);
  });
});

describe('a virtual clock', () => {
  it('begins now, unless it is given a time', () => {
    const before = Date.now();
    expect(virtualClock().now()).toBeGreaterThanOrEqual(before);
    expect(virtualClock({ now: new Date('2026-03-29T00:00:00Z') }).now()).toBe(1_774_742_400_000);
  });

  it('is for one server', () => {
    const clock = virtualClock();
    clock.attach(new User());
    expect(() => clock.attach(new User())).toThrow('a clock is for one server');
  });

  it('keeps its type in the server that it is given to', () => {
    const withClock = embeddedServer({ clock: virtualClock() });
    expectTypeOf(withClock.start).returns.resolves.toHaveProperty('clock').toEqualTypeOf<VirtualClock>();
    const without = embeddedServer({ port: 0 });
    expectTypeOf(without.start).returns.resolves.toHaveProperty('clock').toEqualTypeOf<Clock>();
    expect(without.options.clock).toBeInstanceOf(Clock);
  });
});
