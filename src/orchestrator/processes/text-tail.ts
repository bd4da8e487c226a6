import { stripVTControlCharacters } from 'node:util';
import { printableLines } from '../../core/printable.js';

/** Keeps the last lines of a stream of text. They end up in reasons, logs and terminals: colours are taken out of them. */
export class TextTail {
  readonly #maxBytes: number;
  readonly #maxLines: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes = 8_192, maxLines = 30) {
    this.#maxBytes = maxBytes;
    this.#maxLines = maxLines;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#chunks.length > 1 && this.#bytes - this.#chunks[0]!.length >= this.#maxBytes) {
      this.#bytes -= this.#chunks.shift()!.length;
    }
  }

  /** The last lines, without trailing white space; control characters are shown. */
  text(): string {
    const bytes = Buffer.concat(this.#chunks);
    const text = bytes.subarray(Math.max(0, bytes.length - this.#maxBytes)).toString('utf8');
    const printable = printableLines(stripVTControlCharacters(text));
    return printable.trimEnd().split('\n').slice(-this.#maxLines).join('\n');
  }
}
