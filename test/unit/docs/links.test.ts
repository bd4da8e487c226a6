import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { linksOf } from '../../support/markdown-links.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file.replaceAll('\\', '/')}`),
];

/** The anchors of a page's headings, as GitHub makes them. */
function anchors(page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test.each(pages)('the links of %s lead somewhere', (page) => {
  const broken = linksOf(readFileSync(join(ROOT, page), 'utf8')).filter(({ file, anchor }) => {
    const target = file === '' ? join(ROOT, page) : join(ROOT, dirname(page), file);
    if (!existsSync(target)) return true;
    return anchor !== undefined && !anchors(readFileSync(target, 'utf8')).includes(anchor);
  });
  expect(broken.map(({ link }) => link)).toEqual([]);
});

test.each(pages)('the links of %s lead to files that the package has too', (page) => {
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  const isShipped = (file: string): boolean =>
    files.some((entry) => file === entry || file.startsWith(`${entry}/`));
  const missing = linksOf(readFileSync(join(ROOT, page), 'utf8')).filter(
    ({ file }) => file !== '' && !isShipped(posix.join(posix.dirname(page), file).replace(/\/$/, '')),
  );
  expect(missing.map(({ link }) => link)).toEqual([]);
});

test('the README leads to every guide', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const guides = pages.filter((page) => page.startsWith('docs/guides/'));
  expect(guides.length).toBeGreaterThan(5);
  expect(guides.filter((guide) => !readme.includes(`(${guide})`))).toEqual([]);
});
