import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { isInspector, isInspectorAnswer, isTracedBy, portsIn } from '../../../src/os/debugger-check.js';

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const VERSION = JSON.stringify({ Browser: 'node.js/v20.20.2', 'Protocol-Version': '1.1' });

it('knows the inspector of Node.js by its answer', async () => {
  expect(await isInspector(await listen((_request, response) => response.end(VERSION)))).toBe(true);
  expect(await isInspector(await listen((_request, response) => response.end('hello')))).toBe(false);
  expect(isInspectorAnswer('"Protocol-Version"')).toBe(false);
  expect(isInspectorAnswer('null')).toBe(false);
});

it('gives up on a service that answers without end, however fast', async () => {
  let written = 0;
  const port = await listen((_request, response) => {
    const chunk = Buffer.alloc(1024, 'x');
    const pour = (): void => {
      while (!response.destroyed && response.write(chunk)) written += chunk.length;
    };
    response.on('drain', pour);
    pour();
  });
  expect(await isInspector(port)).toBe(false);
  expect(written).toBeLessThan(64 * 1024 * 1024);
});

it('gives up on a service that answers drop by drop', async () => {
  const port = await listen((_request, response) => {
    const drops = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(drops));
  });
  expect(await isInspector(port)).toBe(false);
});

it('reads the tables of the kernel', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:24F5 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000 100 0 0 10 0
   1: 0100007F:0050 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000 100 0 0 10 0`;
  expect(portsIn(table, new Set(['4711', '4712']))).toEqual([9461]);
  expect(portsIn(table, new Set(['1']))).toEqual([]);
  expect(isTracedBy('Name:\tnode\nTracerPid:\t17\n')).toBe(true);
  expect(isTracedBy('Name:\tnode\nTracerPid:\t0\n')).toBe(false);
});
