/** A system library that fills buffers, called off the event loop. */
import 'reflect-metadata';
import { Container } from 'inversify';
import { Zlib } from './zlib.library.js';

const container = new Container();
container.bind(Zlib).toSelf();
const zlib = container.get(Zlib);

const text = Buffer.from('to be or not to be, '.repeat(500));
const compressed = await zlib.compress(text);
const restored = await zlib.decompress(compressed, text.length);
console.log(`zlib ${zlib.version()}: ${text.length} bytes → ${compressed.length} bytes`);
console.log(
  `crc32 before ${zlib.crc32(0, text, text.length)}, after ${zlib.crc32(0, restored, restored.length)}`,
);
await container.unbindAllAsync();
