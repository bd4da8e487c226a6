/** A file of an example, as a code block of the README has it. */
export interface ExampleFile {
  readonly name: string;
  readonly content: string;
}

export interface ReadmeExample {
  readonly files: readonly ExampleFile[];
  /** The lines that the example prints, in this order; `…` stands for anything. */
  readonly expectedLines: readonly string[];
}

interface CodeBlock {
  readonly language: string;
  readonly lines: readonly string[];
}

/**
 * The first example of a README: below the heading, every code block whose first line is `// file: NAME` is a file; the
 * first `text` block after them is what the program prints.
 *
 * @throws Error when the heading, the files or the output are not there
 */
export function readExample(readme: string, heading: string): ReadmeExample {
  const files: ExampleFile[] = [];
  for (const block of blocksBelow(readme, heading)) {
    const file = fileOf(block);
    if (file !== undefined) files.push(file);
    if (block.language === 'text' && files.length > 0) {
      return { files, expectedLines: block.lines.filter((line) => line.trim() !== '') };
    }
  }
  throw new Error(
    `Below "${heading}" there are ${files.length} blocks "// file: …", and no text block after them`,
  );
}

/**
 * The files of the code blocks below a heading of a page.
 *
 * @throws Error when there are none
 */
export function readFiles(page: string, heading: string): ExampleFile[] {
  const files = blocksBelow(page, heading).flatMap((block) => fileOf(block) ?? []);
  if (files.length === 0) throw new Error(`Below "${heading}" there are no blocks "// file: …"`);
  return files;
}

/** All code of a page in one language, in its order. */
export function readCode(page: string, language: string): string {
  const blocks = codeBlocks(page.split(/\r?\n/)).filter((block) => block.language === language);
  return blocks.map(({ lines }) => lines.join('\n')).join('\n');
}

function blocksBelow(page: string, heading: string): CodeBlock[] {
  const lines = page.split(/\r?\n/);
  const start = lines.indexOf(heading);
  if (start === -1) throw new Error(`The README has no heading "${heading}"`);
  return codeBlocks(untilNextHeading(lines.slice(start + 1)));
}

function fileOf({ lines }: CodeBlock): ExampleFile | undefined {
  const name = /^\/\/ file: (\S+)$/.exec(lines[0] ?? '')?.[1];
  return name === undefined ? undefined : { name, content: `${lines.join('\n')}\n` };
}

function untilNextHeading(lines: readonly string[]): string[] {
  let isInBlock = false;
  const end = lines.findIndex((line) => {
    if (line.startsWith('```')) isInBlock = !isInBlock;
    return !isInBlock && /^##? /.test(line);
  });
  return lines.slice(0, end === -1 ? undefined : end);
}

function codeBlocks(lines: readonly string[]): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { language: string; lines: string[] } | undefined;
  for (const line of lines) {
    if (!line.startsWith('```')) open?.lines.push(line);
    else if (open === undefined) open = { language: line.slice(3).trim(), lines: [] };
    else {
      blocks.push(open);
      open = undefined;
    }
  }
  return blocks;
}

/** The first expected line that `output` does not have after the ones before it, `undefined` when it has all. */
export function firstMissingLine(output: string, expectedLines: readonly string[]): string | undefined {
  const printed = output.split(/\r?\n/);
  let position = 0;
  for (const expected of expectedLines) {
    const pattern = toRegExp(expected);
    const found = printed.findIndex((line, index) => index >= position && pattern.test(line.trimEnd()));
    if (found === -1) return expected;
    position = found + 1;
  }
  return undefined;
}

function toRegExp(expected: string): RegExp {
  const parts = expected.trimEnd().split('…');
  return new RegExp(
    `^${parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('.*')}$`,
  );
}
