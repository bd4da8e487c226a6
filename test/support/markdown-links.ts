/** A link to another file, or to a heading. */
export interface MarkdownLink {
  /** As the page has it. */
  readonly link: string;
  /** Empty: the page itself. */
  readonly file: string;
  readonly anchor: string | undefined;
}

/** The relative links of a page; what stands in code blocks is none. */
export function linksOf(page: string): MarkdownLink[] {
  const text = page.replaceAll(/^```[^]*?^```/gm, '');
  return [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(
    ([link, file = '', anchor]) => ({
      link,
      file,
      anchor,
    }),
  );
}
