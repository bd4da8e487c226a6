import { describe, expect, test } from 'vitest';
import { firstMissingLine, readExample } from '../../package/readme-example.js';

const readme = `# Name

\`\`\`ts
// file: elsewhere.ts
\`\`\`

## Quick start

\`\`\`sh
# Not a heading
npm install name
\`\`\`

\`\`\`ts
// file: a.worker.ts
export const a = 1;
\`\`\`

\`\`\`ts
// file: main.ts
console.log('hello');
\`\`\`

It prints:

\`\`\`text
hello

process … done
\`\`\`

## Next

\`\`\`ts
// file: later.ts
\`\`\`
`;

describe('the example of a README', () => {
  test('its files and what it prints', () => {
    expect(readExample(readme, '## Quick start')).toEqual({
      files: [
        { name: 'a.worker.ts', content: '// file: a.worker.ts\nexport const a = 1;\n' },
        { name: 'main.ts', content: "// file: main.ts\nconsole.log('hello');\n" },
      ],
      expectedLines: ['hello', 'process … done'],
    });
  });

  test('a README without it is an error', () => {
    expect(() => readExample(readme, '## Other')).toThrow('no heading "## Other"');
    expect(() => readExample(readme, '## Next')).toThrow('no text block');
    expect(() => readExample('## Next\ntext', '## Next')).toThrow('0 blocks');
  });
});

describe('the first expected line that is missing', () => {
  const expected = ['hello', 'process … done'];

  test.each([
    ['all are there, among others', 'start\nhello\nmore\nprocess 42 is done\nend', undefined],
    ['one is missing', 'hello\nprocess 42 is stuck', 'process … done'],
    ['the order is wrong', 'process 42 is done\nhello', 'process … done'],
    ['a line is only part of another', 'hello you\nprocess 42 is done', 'hello'],
    ['nothing was printed', '', 'hello'],
  ])('%s', (_case, output, missing) => {
    expect(firstMissingLine(output, expected)).toBe(missing);
  });
});
