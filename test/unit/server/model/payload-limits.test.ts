import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/conductor/wire/types.js';
import {
  DEFAULT_PAYLOAD_LIMITS,
  excessOf,
  payloadBytes,
} from '../../../../src/server/model/payload-limits.js';

describe('the size of a payload', () => {
  it.each<[JsonObject]>([
    [{}],
    [{ a: 1 }],
    [{ a: null, b: true, c: -0.5e10 }],
    [{ 'ä"\n': 'ö\u2028"\\😀' }],
    [{ list: [1, [2, { x: 'ß' }], null], map: { deep: { deeper: {} } } }],
    [{ missing: undefined, there: 1 }],
  ])('of %j is that of its JSON in UTF-8', (payload) => {
    expect(payloadBytes(payload)).toBe(Buffer.byteLength(JSON.stringify(payload)));
  });

  it('is measured once for each part, however often payloads share it', () => {
    let looks = 0;
    const part = {
      toJSON: () => {
        looks += 1;
        return 'x'.repeat(100);
      },
    };
    for (let count = 0; count < 50; count++) expect(payloadBytes({ part, count })).toBeGreaterThan(100);
    expect(looks).toBe(1);
  });

  it('may reach the limit', () => {
    expect(excessOf({ a: 1 }, 7)).toBe(undefined);
    expect(excessOf({ a: 1 }, 6)).toBe(7);
  });
});

it('the default limits are those of Conductor', () => {
  expect(DEFAULT_PAYLOAD_LIMITS).toEqual({
    workflowInput: 10_485_760,
    workflowOutput: 10_485_760,
    taskInput: 10_485_760,
    taskOutput: 10_485_760,
    workflowVariables: 262_144,
  });
});
