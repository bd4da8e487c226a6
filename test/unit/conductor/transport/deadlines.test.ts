import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { Deadlines, type Expiring } from '../../../../src/conductor/transport/deadlines.js';

function item(inMs: number, onExpire: () => void, from = performance.now()): Expiring {
  return { deadline: from + inMs, expire: onExpire };
}

it('expires in the order of the deadlines, also what was added later with an earlier one', async () => {
  const deadlines = new Deadlines();
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    // One moment for both: a machine that pauses between the lines must not turn them round.
    const now = performance.now();
    deadlines.add(item(60, () => (order.push('late'), resolve()), now));
    deadlines.add(item(20, () => order.push('early'), now));
  });
  expect(order).toEqual(['early', 'late']);
});

it('leaves out what was deleted, and goes on after an item that adds another', async () => {
  const deadlines = new Deadlines();
  const expired: string[] = [];
  const deleted = item(5, () => expired.push('deleted'));
  deadlines.add(deleted);
  deadlines.delete(deleted);
  await new Promise<void>((resolve) => {
    deadlines.add(
      item(10, () => {
        expired.push('first');
        deadlines.add(item(5, () => (expired.push('second'), resolve())));
      }),
    );
  });
  expect(expired).toEqual(['first', 'second']);
});

it('lets answers in first when the loop was blocked', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [peer] = (await once(server, 'connection')) as [Socket];
  const deadlines = new Deadlines();
  let expired = false;
  const waiting = item(5, () => (expired = true));
  deadlines.add(waiting);
  const answered = once(client, 'data').then(() => deadlines.delete(waiting));
  peer.write('x'); // in the kernel before the deadline, and read after it
  const until = performance.now() + 40;
  while (performance.now() < until); // user code that computes
  await answered;
  await new Promise((resolve) => setTimeout(resolve, 20)); // the timer is long over by then
  expect(expired).toBe(false);
  client.destroy();
  server.close();
});
