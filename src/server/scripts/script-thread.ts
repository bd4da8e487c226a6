import { parentPort } from 'node:worker_threads';
import { prepareJavaScript, runJavaScript } from './javascript.js';
import { runJq } from './jq.js';
import type { ScriptReply, ScriptRequest } from './script-messages.js';

/** What runs in the thread: one script after the other. The server ends the thread when one does not end itself. */
async function answer(request: ScriptRequest): Promise<ScriptReply> {
  const { id, language } = request;
  try {
    const valueJson = language === 'javascript' ? await runJavaScript(request) : await runJq(request);
    return { id, valueJson };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (request: ScriptRequest) => {
  void answer(request).then((reply) => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    parentPort?.postMessage(reply);
    void prepareJavaScript();
  });
});
