/**
 * The server extension, through JupyterLab's own connection: its address, its authentication, its XSRF header.
 */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { IBackend, Refusal } from './feed';
import type { IPushed } from './model';
import { events } from './sse';

const NAMESPACE = 'jupyter-fn';

export function backendOf(settings: ServerConnection.ISettings): IBackend {
  const ask = async (path: string, init: RequestInit): Promise<Response> => {
    const url = URLExt.join(settings.baseUrl, NAMESPACE) + '/' + path;
    const response = await ServerConnection.makeRequest(url, init, settings);
    if (!response.ok) {
      throw await refusal(response);
    }
    return response;
  };
  return {
    request: async (method, path) => (await ask(path, { method })).json(),
    async *stream(path: string, signal: AbortSignal): AsyncGenerator<IPushed> {
      const response = await ask(path, { method: 'GET', signal, cache: 'no-store' });
      yield* events(texts(response));
    }
  };
}

async function refusal(response: Response): Promise<Refusal> {
  const said = await response.json().catch(() => ({}));
  const message = `${response.status} ${response.statusText}`;
  return new Refusal(said.error ?? { type: 'HTTPError', message, remedy: '' });
}

async function* texts(response: Response): AsyncGenerator<string> {
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}
