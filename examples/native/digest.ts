/** OpenSSL's digests: handles that are created, used by asynchronous calls, and freed. */
import { createHash } from 'node:crypto';
import { closeNativeLibrary, openNativeLibrary } from 'tutti/native';
import { Digests } from './digest.library.js';

const digests = new Digests();
openNativeLibrary(digests);

const chunks = [Buffer.from('all that glisters '), Buffer.from('is not gold')];
const ours = await digests.hex('sha256', chunks);
const nodes = createHash('sha256').update(Buffer.concat(chunks)).digest('hex');
console.log(`sha256 ${ours}`);
console.log(ours === nodes ? 'the same as by Node.js' : `Node.js says ${nodes}`);
await closeNativeLibrary(digests);
