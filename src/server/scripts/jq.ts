import { raw } from 'jq-wasm';
import type { ScriptRequest } from './script-messages.js';

/**
 * Runs a jq query.
 *
 * @returns a JSON array of all that it gives
 * @throws Error with jq's own message
 */
export async function runJq({ expression, inputJson }: ScriptRequest): Promise<string> {
  let output: string;
  try {
    output = await raw(inputJson, expression, ['-c']);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(text.replace(/^Failed to execute raw query: /, ''), { cause: error });
  }
  return `[${output
    .split('\n')
    .filter((line) => line !== '')
    .join(',')}]`;
}
