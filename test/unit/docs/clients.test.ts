import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { HttpTaskClient } from '../../../src/conductor/clients/http-task-client.js';
import { MetadataClient } from '../../../src/conductor/clients/metadata-client.js';
import { WorkflowClient } from '../../../src/conductor/clients/workflow-client.js';

const page = readFileSync(new URL('../../../docs/reference/clients.md', import.meta.url), 'utf8');

describe.each([
  ['## Metadata client', MetadataClient],
  ['## Workflow client', WorkflowClient],
  ['## Task client', HttpTaskClient],
])('%s of the page', (heading, Client) => {
  const start = page.indexOf(`\n${heading}\n`);
  const end = page.indexOf('\n## ', start + 1);
  const sections = page
    .slice(start, end === -1 ? undefined : end)
    .split('\n### ')
    .slice(1);
  const members = Object.entries(Object.getOwnPropertyDescriptors(Client.prototype)).filter(
    ([name]) => name !== 'constructor',
  );

  test('has every public member, and no other', () => {
    expect(start).toBeGreaterThan(0);
    const described = sections.map((section) => /^\w+/.exec(section)![0]);
    expect(described.sort()).toEqual(members.map(([name]) => name).sort());
  });

  test.each(sections.map((section) => [section.split('\n', 1)[0]!, section]))(
    '%s: arguments, result, errors, an example',
    (title, section) => {
      const name = /^\w+/.exec(title)![0];
      if (title.includes('(')) expect(section).toMatch(/^- \*\*Arguments\*\*: /m);
      expect(section).toMatch(/^- \*\*Returns\*\*: /m);
      expect(section).toMatch(/^- \*\*Errors\*\*: /m);
      const example = /```js\n([^]*?)```/.exec(section)?.[1];
      expect(example).toMatch(new RegExp(`(?:tasks|workflows|metadata)\\s*\\.${name}\\b`));
    },
  );
});
