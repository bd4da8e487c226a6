/** Everything that code may throw to annoy those who catch it, with a name for test titles. */
export function thrownValues(): [title: string, value: unknown][] {
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const selfCaused = new Error('its own cause');
  selfCaused.cause = selfCaused;
  return [
    ['undefined', undefined],
    ['null', null],
    ['an empty string', ''],
    ['a string', 'plain text'],
    ['a number', 42],
    ['NaN', NaN],
    ['a BigInt', 10n],
    ['a boolean', false],
    ['a symbol', Symbol('mark')],
    ['a function', function thrower() {}],
    ['an empty object', {}],
    ['an object with a message', { message: 'from an object' }],
    ['an object with a message that is no string', { message: { deep: 1 } }],
    ['a circular object', circular],
    ['an object without prototype', Object.create(null)],
    ['an array', [1, 2]],
    ['an error', new Error('an ordinary error')],
    ['an error without message', new Error('')],
    ['a frozen error', Object.freeze(new Error('frozen'))],
    ['an error without stack', Object.assign(new Error('stackless'), { stack: undefined })],
    ['an error whose message is an object', Object.assign(new Error(''), { message: { code: 7 } })],
    ['an error whose message is undefined', Object.assign(new Error(''), { message: undefined })],
    ['an error whose name and message are empty', Object.assign(new Error(''), { name: '' })],
    ['an error whose message throws', withThrowing(new Error('x'), 'message')],
    ['an error whose stack throws', withThrowing(new Error('stack is a trap'), 'stack')],
    ['an error whose cause throws', withThrowing(new Error('cause is a trap'), 'cause')],
    ['an error that is its own cause', selfCaused],
    ['an aggregate error', new AggregateError([new Error('one')])],
    ['a proxy that throws at every touch', angryProxy()],
    ['a revoked proxy', revoked.proxy],
    ['an object whose toJSON throws', { toJSON: () => fail('toJSON') }],
    ['a class', class Thrown {}],
  ];
}

/** A proxy that throws whatever is done with it. */
export function angryProxy(): object {
  const trap = (): never => fail('proxy trap');
  return new Proxy(
    {},
    { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap },
  );
}

function withThrowing<T extends object>(target: T, property: string): T {
  return Object.defineProperty(target, property, { get: () => fail(property) });
}

function fail(what: string): never {
  throw new Error(`${what} must not be touched`);
}
