import { expect, test } from 'vitest';

import type { IPushed } from '../src/model';
import { events } from '../src/sse';

async function read(...chunks: string[]): Promise<IPushed[]> {
  const found: IPushed[] = [];
  const source = (async function* () {
    yield* chunks;
  })();
  for await (const event of events(source)) {
    found.push(event);
  }
  return found;
}

const WHOLE = 'event: run\ndata: {"id": "1"}\n\n: still here\n\nevent: run\ndata: {"id": "2"}\n\n';
const TWO = [
  { event: 'run', data: { id: '1' } },
  { event: 'run', data: { id: '2' } }
];

test('events come out however the stream is cut', async () => {
  expect(await read(WHOLE)).toEqual(TWO);
  expect(await read(...WHOLE)).toEqual(TWO);
});

test('lines may end in CR LF', async () => {
  expect(await read(WHOLE.replaceAll('\n', '\r\n'))).toEqual(TWO);
});

test('several data lines are one text, and half an event at the end is none', async () => {
  expect(await read('data: {\ndata: }\n\ndata: {"half"')).toEqual([{ event: 'message', data: {} }]);
});
