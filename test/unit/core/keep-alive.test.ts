import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { KeepAlive } from '../../../src/core/keep-alive.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('has a timer while work is under way, one for all of it', async () => {
  const keepAlive = new KeepAlive();
  const first = deferred();
  const second = deferred();
  expect(keepAlive.during(first.promise)).toBe(first.promise);
  const failing = keepAlive.during(second.promise);
  expect(vi.getTimerCount()).toBe(1);
  first.resolve(1);
  await first.promise;
  expect(vi.getTimerCount()).toBe(1);
  second.reject(new Error('no'));
  await expect(failing).rejects.toThrow('no');
  expect(vi.getTimerCount()).toBe(0);
});

it('has a timer while a listener waits for one event, until that comes or the listener is removed', () => {
  const keepAlive = new KeepAlive();
  const emitter = new EventEmitter();
  keepAlive.holdForOnce(emitter);
  emitter.on('always', () => undefined);
  expect(vi.getTimerCount()).toBe(0);
  let seen = 0;
  emitter.once('comes', (value: number) => (seen = value));
  const listener = (): void => undefined;
  emitter.once('never', listener);
  expect(vi.getTimerCount()).toBe(1);
  emitter.emit('comes', 5);
  expect(seen).toBe(5);
  expect(vi.getTimerCount()).toBe(1);
  emitter.off('never', listener);
  expect(vi.getTimerCount()).toBe(0);
});

interface Deferred {
  promise: Promise<number>;
  resolve: (value: number) => void;
  reject: (error: Error) => void;
}

function deferred(): Deferred {
  const made = {} as Deferred;
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
