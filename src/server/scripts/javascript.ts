import {
  newQuickJSWASMModuleFromVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSWASMModule,
} from 'quickjs-emscripten-core';
import type { ScriptRequest } from './script-messages.js';

const STACK_BYTES = 512 * 1024;

let loading: Promise<QuickJSWASMModule> | undefined;

/**
 * Runs a script in an interpreter of its own that knows nothing but JavaScript and the input as `$`.
 *
 * @returns the value of its last statement as JSON
 * @throws Error with the script's own message, or that of the limit that it has reached
 */
export async function runJavaScript(request: ScriptRequest): Promise<string> {
  loading ??= newQuickJSWASMModuleFromVariant(import('@jitl/quickjs-wasmfile-release-sync'));
  const quickjs = await loading;
  const runtime = quickjs.newRuntime();
  try {
    runtime.setMemoryLimit(request.memoryBytes);
    runtime.setMaxStackSize(STACK_BYTES);
    const end = performance.now() + request.timeoutMs;
    runtime.setInterruptHandler(() => performance.now() > end);
    const context = runtime.newContext();
    try {
      return evaluate(context, request, end);
    } finally {
      context.dispose();
    }
  } finally {
    runtime.dispose();
  }
}

function evaluate(
  context: QuickJSContext,
  { expression, inputJson, timeoutMs }: ScriptRequest,
  end: number,
): string {
  const unwrap = (result: ReturnType<QuickJSContext['evalCode']>): QuickJSHandle => {
    if (result.error === undefined) return result.value;
    const message = messageOf(context, result.error);
    throw new Error(performance.now() > end ? `the script ran longer than ${timeoutMs} ms` : message);
  };
  const text = context.newString(inputJson);
  context.setProp(context.global, '__input', text);
  text.dispose();
  unwrap(
    context.evalCode('globalThis.$ = JSON.parse(globalThis.__input); delete globalThis.__input;'),
  ).dispose();
  const value = unwrap(context.evalCode(expression, 'script.js'));
  context.setProp(context.global, '__value', value);
  value.dispose();
  const json = unwrap(context.evalCode('JSON.stringify(globalThis.__value) ?? "null"'));
  const result = context.getString(json);
  json.dispose();
  return result;
}

function messageOf(context: QuickJSContext, error: QuickJSHandle): string {
  const dumped: unknown = context.dump(error);
  error.dispose();
  if (typeof dumped !== 'object' || dumped === null) return String(dumped);
  const { name, message } = dumped as { name?: unknown; message?: unknown };
  return typeof name === 'string' ? `${name}: ${String(message)}` : JSON.stringify(dumped);
}
