// Requests of the load: over a pool of connections, as workers keep one.
import { Pool } from 'undici';

export class Client {
  #pool;
  #base;

  /** @param {string} url */
  constructor(url, connections = 64) {
    const { origin, pathname } = new URL(url);
    this.#pool = new Pool(origin, { connections, pipelining: 1 });
    this.#base = pathname.replace(/\/$/, '');
  }

  /** @returns {Promise<string>} the text of the answer; rejects when its status is not 2xx */
  async send(method, path, body) {
    const answer = await this.#pool.request({
      method,
      path: `${this.#base}${path}`,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
    return text;
  }

  async json(method, path, body) {
    const text = await this.send(method, path, body);
    return text === '' ? undefined : JSON.parse(text);
  }

  async define(name, tasks, fields = {}) {
    await this.send('POST', '/metadata/workflow', {
      name,
      version: 1,
      schemaVersion: 2,
      ownerEmail: 'bench@tutti.invalid',
      timeoutSeconds: 0,
      tasks,
      ...fields,
    });
  }

  async defineTask(name) {
    await this.send('POST', '/metadata/taskdefs', [
      {
        name,
        ownerEmail: 'bench@tutti.invalid',
        retryCount: 0,
        responseTimeoutSeconds: 600,
        timeoutSeconds: 0,
      },
    ]);
  }

  start(name, input = {}) {
    return this.send('POST', '/workflow', { name, version: 1, input });
  }

  poll(type, count, timeout) {
    return this.json('GET', `/tasks/poll/batch/${type}?workerid=bench&count=${count}&timeout=${timeout}`);
  }

  /** The next task, when the server has one. */
  complete(task) {
    return this.json('POST', '/tasks/update-v2', resultOf(task));
  }

  completeOnly(task) {
    return this.send('POST', '/tasks', resultOf(task));
  }

  /** Asks until the workflow has ended, or until `deadline` on the clock of `performance`. @returns {Promise<string>} its status */
  async ended(id, everyMs, deadline) {
    for (;;) {
      const { status } = await this.json('GET', `/workflow/${id}?includeTasks=false`);
      if (status !== 'RUNNING' || performance.now() > deadline) return status;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }

  close() {
    return this.#pool.destroy();
  }
}

function resultOf({ taskId, workflowInstanceId }) {
  return { taskId, workflowInstanceId, workerId: 'bench', status: 'COMPLETED', outputData: { done: true } };
}
