// What is shown: one line for each figure, with the ratio and, where there is one, the goal.

/** Lines of the table. `goal` judges (ours, the official SDK's) medians. */
const LINES = [
  ...[1, 10, 100].flatMap((c) => [
    {
      title: `tasks/s, concurrency ${c}, chaining`,
      case: `chain-c${c}`,
      metric: 'tasksPerSecond',
      goal: c === 10 ? { text: '≥ 8 ×', isReached: (ours, official) => ours >= 8 * official } : undefined,
    },
    {
      title: `CPU ms per task, concurrency ${c}, chaining`,
      case: `chain-c${c}`,
      metric: 'cpuMsPerTask',
      goal: c === 10 ? { text: '≤ 1/6 ×', isReached: (ours, official) => ours <= official / 6 } : undefined,
    },
    {
      title: `tasks/s, concurrency ${c}, no chaining`,
      case: `nochain-c${c}`,
      metric: 'tasksPerSecond',
      goal: c === 10 ? { text: '≥ 50 ×', isReached: (ours, official) => ours >= 50 * official } : undefined,
    },
    {
      title: `CPU ms per task, concurrency ${c}, no chaining`,
      case: `nochain-c${c}`,
      metric: 'cpuMsPerTask',
    },
  ]),
  { title: 'latency p50 ms, 50 tasks/s', case: 'latency', metric: 'p50Ms', goal: atMost(1.5) },
  { title: 'latency p99 ms, 50 tasks/s', case: 'latency', metric: 'p99Ms', goal: atMost(8) },
  {
    title: '… p50 ms, official SDK tuned for latency',
    case: 'latency',
    metric: 'p50Ms',
    peer: 'official:tuned',
  },
  {
    title: '… p99 ms, official SDK tuned for latency',
    case: 'latency',
    metric: 'p99Ms',
    peer: 'official:tuned',
  },
  { title: 'latency p50 ms, update-v2 waits 100 ms', case: 'latency-wait', metric: 'p50Ms' },
  { title: 'latency p99 ms, update-v2 waits 100 ms', case: 'latency-wait', metric: 'p99Ms' },
  { title: 'idle requests/s, 10 types', case: 'idle', metric: 'requestsPerSecond', goal: atMost(2.5) },
  { title: 'idle CPU %, 10 types', case: 'idle', metric: 'cpuPercent', goal: atMost(1) },
  { title: 'idle resident MB, 10 types, all processes', case: 'idle', metric: 'residentMb' },
  {
    title: 'idle requests/s, 10 types in one group',
    case: 'idle',
    metric: 'requestsPerSecond',
    own: 'tutti:group',
  },
  { title: 'idle CPU %, 10 types in one group', case: 'idle', metric: 'cpuPercent', own: 'tutti:group' },
  {
    title: 'idle resident MB, 10 types in one group',
    case: 'idle',
    metric: 'residentMb',
    own: 'tutti:group',
  },
  {
    title: '… requests/s, one group, official SDK tuned',
    case: 'idle',
    metric: 'requestsPerSecond',
    own: 'tutti:group',
    peer: 'official:tuned',
  },
  {
    title: '… CPU %, one group, official SDK tuned',
    case: 'idle',
    metric: 'cpuPercent',
    own: 'tutti:group',
    peer: 'official:tuned',
  },
  { title: 'tasks/s, busy 5 ms, 2 types', case: 'busy', metric: 'tasksPerSecond', goal: atLeast(360) },
  { title: 'tasks/s, concurrency 10, 1 % of updates refused', case: 'faults', metric: 'tasksPerSecond' },
  {
    title: '… in % of the rate without refusals',
    case: 'faults',
    metric: 'percentOfHealthy',
    goal: atLeast(90),
  },
  { title: 'worker process: fork to ready ms', case: 'startup', metric: 'readyMs', goal: atMost(200) },
  { title: 'worker process: resident MB', case: 'startup', metric: 'residentMb', goal: atMost(60) },
  { title: 'worker process: private MB', case: 'startup', metric: 'privateMb' },
  {
    title: '… ready ms, process that only imports inversify',
    case: 'startup',
    metric: 'readyMs',
    peer: 'baseline:inversify',
  },
  {
    title: '… resident MB, only inversify',
    case: 'startup',
    metric: 'residentMb',
    peer: 'baseline:inversify',
  },
  { title: '… ready ms, empty process', case: 'startup', metric: 'readyMs', peer: 'baseline:empty' },
  { title: '… resident MB, empty process', case: 'startup', metric: 'residentMb', peer: 'baseline:empty' },
  { title: 'whole program: spawn to ready ms', case: 'startup', metric: 'programReadyMs' },
  ...[1, 10, 100].flatMap((c) => [
    {
      title: `tasks/s, concurrency ${c}, chaining: bare loop`,
      case: `ceiling-c${c}`,
      metric: 'tasksPerSecond',
      own: 'tutti',
      ownCase: `chain-c${c}`,
      peer: 'bare',
    },
  ]),
];

function atMost(limit) {
  return { text: `≤ ${limit}`, isReached: (ours) => ours <= limit };
}
function atLeast(limit) {
  return { text: `≥ ${limit}`, isReached: (ours) => ours >= limit };
}

export function summary(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = sorted.length / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle) - 1]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1) };
}

/** `samples`: `{ case, client, metrics }`, one for each measurement. */
export function tableOf(samples) {
  const of = (client, caseId, metric) =>
    summary(
      samples.filter((it) => it.case === caseId && it.client === client).map((it) => it.metrics[metric]),
    );
  return LINES.map((line) => {
    const own = of(line.own ?? 'tutti', line.ownCase ?? line.case, line.metric);
    const peer = of(line.peer ?? 'official', line.case, line.metric);
    if (own === undefined && peer === undefined) return undefined;
    const verdict =
      line.goal && own ? line.goal.isReached(own.median, peer?.median ?? Number.NaN, of) : undefined;
    return {
      title: line.title,
      tutti: own,
      peer,
      ratio: own && peer && own.median / peer.median,
      goal: line.goal?.text,
      isReached: verdict,
    };
  }).filter(Boolean);
}

const number = (value) =>
  value >= 100
    ? Math.round(value).toLocaleString('en-US').replaceAll(',', ' ')
    : Number(value.toPrecision(3)).toString();
const range = (it) => {
  if (it === undefined) return '–';
  return it.min === it.max ? number(it.median) : `${number(it.median)} (${number(it.min)}–${number(it.max)})`;
};

export function format(table, { markdown }) {
  const head = ['', 'Tutti', 'official SDK or other', 'ratio', 'goal', ''];
  const rows = table.map((line) => [
    line.title,
    range(line.tutti),
    range(line.peer),
    line.ratio === undefined ? '–' : `${number(line.ratio)} ×`,
    line.goal ?? '',
    line.isReached === undefined ? '' : line.isReached ? 'reached' : 'not reached',
  ]);
  if (markdown)
    return [head, ['---', '---:', '---:', '---:', '---', '---'], ...rows]
      .map((cells) => `| ${cells.join(' | ')} |`)
      .join('\n');
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((cells) => cells[column].length)));
  const align = (cell, column) =>
    column >= 1 && column <= 3 ? cell.padStart(widths[column]) : cell.padEnd(widths[column]);
  return [head, widths.map((width) => '-'.repeat(width)), ...rows]
    .map((cells) => cells.map(align).join('  ').trimEnd())
    .join('\n');
}
