import { describe, expect, it, test } from 'vitest';
import { TextTail } from '../../../../src/orchestrator/processes/text-tail.js';

function tailOf(chunks: readonly string[], ...limits: [maxBytes?: number, maxLines?: number]): string {
  const tail = new TextTail(...limits);
  for (const chunk of chunks) tail.push(Buffer.from(chunk));
  return tail.text();
}

describe('TextTail', () => {
  test.each<[string, string[], [number?, number?], string]>([
    ['nothing', [], [], ''],
    ['one line', ['hello\n'], [], 'hello'],
    ['lines in pieces', ['he', 'llo\nwor', 'ld\n\n'], [], 'hello\nworld'],
    ['the last lines', ['1\n2\n3\n4\n'], [1_000, 2], '3\n4'],
    ['the last bytes', ['abcdefgh'], [3], 'fgh'],
    ['the last bytes of many pieces', ['aaaa', 'bbbb', 'cccc'], [6], 'bbcccc'],
    ['a piece that fits exactly', ['aaaa', 'bbbb'], [4], 'bbbb'],
    ['colours, without them', ['\u001b[31mred\u001b[39m\r\nplain'], [], 'red\nplain'],
    ['control characters, shown', ['a\u0007b\u0085c\u202ed\te'], [], 'a\\u0007b\\u0085c\\u202ed\te'],
    ['letters of several bytes, cut between pieces', ['gr', 'ü', 'ße\n'], [], 'grüße'],
  ])('%s', (_title, chunks, limits, expected) => {
    expect(tailOf(chunks, ...limits)).toBe(expected);
  });

  it('joins a letter whose bytes come in two pieces', () => {
    const tail = new TextTail();
    const bytes = Buffer.from('é');
    tail.push(bytes.subarray(0, 1));
    tail.push(bytes.subarray(1));
    expect(tail.text()).toBe('é');
  });

  it('keeps a bounded amount of an endless stream', () => {
    const tail = new TextTail(1_000, 10);
    for (let line = 0; line < 100_000; line++) tail.push(Buffer.from(`line ${line}\n`));
    expect(tail.text().split('\n')).toHaveLength(10);
    expect(tail.text()).toMatch(/line 99999$/);
  });
});
