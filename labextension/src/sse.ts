/**
 * Server-sent events out of a byte stream: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * EventSource is not used because it cannot send the headers by which Jupyter authenticates.
 */

import type { IPushed } from './model';

/** Events as they come in; returns when the stream ends. */
export async function* events(chunks: AsyncIterable<string>): AsyncGenerator<IPushed> {
  let held = '';
  for await (const chunk of chunks) {
    const blocks = (held + chunk).replace(/\r\n?/g, '\n').split('\n\n');
    held = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = parse(block);
      if (event) {
        yield event;
      }
    }
  }
}

/** One block, or null when it holds no data (a comment that keeps the connection). */
export function parse(block: string): IPushed | null {
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (field === 'event') {
      event = value;
    } else if (field === 'data') {
      data.push(value);
    }
  }
  return data.length ? { event, data: JSON.parse(data.join('\n')) } : null;
}
