import {
  newQuickJSWASMModuleFromVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSWASMModule,
} from 'quickjs-emscripten-core';
import type { ScriptRequest } from './script-messages.js';

const STACK_BYTES = 512 * 1024;

/** Made before the script, which may replace what `JSON` holds. */
const PRELUDE = `(() => {
  const { parse, stringify } = JSON;
  return [(text) => { globalThis.$ = parse(text); }, (value) => stringify(value) ?? 'null'];
})()`;

let loading: Promise<QuickJSWASMModule> | undefined;
let spare: Interpreter | undefined;
const used: Interpreter[] = [];

/**
 * Runs a script in an interpreter of its own that knows nothing but JavaScript and the input as `$`.
 *
 * @returns the value of its last statement as JSON
 * @throws Error with the script's own message, or that of the limit that it has reached
 */
export async function runJavaScript(request: ScriptRequest): Promise<string> {
  loading ??= newQuickJSWASMModuleFromVariant(import('@jitl/quickjs-wasmfile-release-sync'));
  const quickjs = await loading;
  const interpreter = spare ?? new Interpreter(quickjs);
  spare = undefined;
  used.push(interpreter);
  return interpreter.run(request);
}

/** Clears up after the last scripts, and makes the next one's interpreter: work that nobody has to wait for. */
export async function prepareJavaScript(): Promise<void> {
  if (loading === undefined) return;
  try {
    for (const interpreter of used.splice(0)) interpreter.dispose();
    spare ??= new Interpreter(await loading);
  } catch {
    // A script has broken the module; its answer is out, and the next one gets another.
    spare = undefined;
    loading = undefined;
  }
}

/** Runs one script. */
class Interpreter {
  readonly #runtime: QuickJSRuntime;
  readonly #context: QuickJSContext;
  readonly #setInput: QuickJSHandle;
  readonly #toJson: QuickJSHandle;

  constructor(quickjs: QuickJSWASMModule) {
    this.#runtime = quickjs.newRuntime();
    this.#runtime.setMaxStackSize(STACK_BYTES);
    this.#context = this.#runtime.newContext();
    const functions = this.#context.unwrapResult(this.#context.evalCode(PRELUDE));
    this.#setInput = this.#context.getProp(functions, 0);
    this.#toJson = this.#context.getProp(functions, 1);
    functions.dispose();
  }

  run({ expression, inputJson, timeoutMs, memoryBytes }: ScriptRequest): string {
    const context = this.#context;
    this.#runtime.setMemoryLimit(memoryBytes);
    const end = performance.now() + timeoutMs;
    this.#runtime.setInterruptHandler(() => performance.now() > end);
    const unwrap = (result: ReturnType<QuickJSContext['evalCode']>): QuickJSHandle => {
      if (result.error === undefined) return result.value;
      const message = messageOf(context, result.error);
      throw new Error(performance.now() > end ? `the script ran longer than ${timeoutMs} ms` : message);
    };
    // No handle may be left when the interpreter goes, whatever throws.
    const call = (callee: QuickJSHandle, argument: QuickJSHandle): QuickJSHandle => {
      const result = context.callFunction(callee, context.undefined, argument);
      argument.dispose();
      return unwrap(result);
    };
    call(this.#setInput, context.newString(inputJson)).dispose();
    const json = call(this.#toJson, unwrap(context.evalCode(expression, 'script.js')));
    const result = context.getString(json);
    json.dispose();
    return result;
  }

  dispose(): void {
    this.#setInput.dispose();
    this.#toJson.dispose();
    this.#context.dispose();
    this.#runtime.dispose();
  }
}

function messageOf(context: QuickJSContext, error: QuickJSHandle): string {
  const dumped: unknown = context.dump(error);
  error.dispose();
  if (typeof dumped !== 'object' || dumped === null) return String(dumped);
  const { name, message } = dumped as { name?: unknown; message?: unknown };
  return typeof name === 'string' ? `${name}: ${String(message)}` : JSON.stringify(dumped);
}
