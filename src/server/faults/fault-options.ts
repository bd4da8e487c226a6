import { millisecondsOf, DURATION_EXPECTED } from '../../core/duration.js';
import { findProblems, integer, oneOf, rules, throwProblems, type OptionRule } from '../../core/options.js';
import type { FaultAnswer, FaultMatch, FaultOptions } from './fault.js';

type EffectName = 'answer' | 'delay' | 'drop' | 'ignore' | 'twice' | 'expireToken';

const isTrue: OptionRule = { expected: 'true', test: (value) => value === true };

const EFFECTS: Record<EffectName, OptionRule> = {
  answer: rules.object,
  delay: { expected: DURATION_EXPECTED, test: (value) => millisecondsOf(value) !== undefined },
  drop: oneOf('before', 'after'),
  ignore: isTrue,
  twice: isTrue,
  expireToken: isTrue,
};

const FAULT: Record<EffectName | 'on' | 'times' | 'probability' | 'seed' | 'takesEffect', OptionRule> = {
  on: rules.object,
  times: integer(1),
  probability: {
    expected: 'a number above 0 and up to 1',
    test: (value) => typeof value === 'number' && value > 0 && value <= 1,
  },
  seed: { expected: 'an integer', test: (value) => Number.isInteger(value) },
  takesEffect: rules.boolean,
  ...EFFECTS,
};

const MATCH: Record<keyof FaultMatch, OptionRule> = {
  endpoint: oneOf('poll', 'update', 'heartbeat', 'token'),
  method: rules.string,
  path: {
    expected: "a path below /api such as '/tasks', or a regular expression",
    test: (value) => value instanceof RegExp || (typeof value === 'string' && value.startsWith('/')),
  },
  taskType: rules.string,
};

const ANSWER: Record<keyof FaultAnswer, OptionRule> = {
  status: integer(200, 599),
  retryAfter: {
    expected: 'a number of seconds, or a date as HTTP writes it',
    test: (value) => (typeof value === 'number' && value >= 0) || typeof value === 'string',
  },
  headers: rules.object,
  body: { expected: 'anything', test: () => true },
};

/** @throws ConfigurationError with every mistake */
export function checkFault(fault: FaultOptions): void {
  const given: Partial<Record<string, unknown>> = { ...fault };
  const where = 'faults.add()';
  const problems = findProblems(where, given, FAULT);
  const effects = Object.keys(EFFECTS).filter((name) => given[name] !== undefined);
  if (effects.length !== 1) {
    const found = effects.length === 0 ? 'none' : effects.map((name) => `\`${name}\``).join(' and ');
    const names = Object.keys(EFFECTS).map((name) => `\`${name}\``);
    problems.push(`${where}: expected exactly one of ${names.join(', ')}, got ${found}`);
  }
  if (given['takesEffect'] !== undefined && given['answer'] === undefined)
    problems.push(`${where}: \`takesEffect\` goes with \`answer\` only`);
  problems.push(
    ...findProblems('faults.add({ on })', { ...fault.on }, MATCH),
    ...('answer' in fault ? findProblems('faults.add({ answer })', { ...fault.answer }, ANSWER) : []),
  );
  if ('answer' in fault && (fault.answer as Partial<FaultAnswer> | undefined)?.status === undefined)
    problems.push('faults.add({ answer }): `status` is missing');
  throwProblems(problems);
}
