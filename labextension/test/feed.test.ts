import { expect, test } from 'vitest';

import { Feed, IBackend, IClock, Refusal } from '../src/feed';
import type { IPushed, IState } from '../src/model';
import { fn, run } from './examples';

/** A stream that the test writes. */
class Pipe {
  private held: (IPushed | null)[] = [];
  private wake: () => void = () => undefined;

  push(event: string, data: any): void {
    this.held.push({ event, data });
    this.wake();
  }

  end(): void {
    this.held.push(null);
    this.wake();
  }

  async *read(signal: AbortSignal): AsyncGenerator<IPushed> {
    signal.addEventListener('abort', () => this.end());
    for (;;) {
      while (!this.held.length) {
        await new Promise<void>(resolve => (this.wake = resolve));
      }
      const next = this.held.shift()!;
      if (next === null || signal.aborted) {
        return;
      }
      yield next;
    }
  }
}

class Fake implements IBackend {
  asked: string[] = [];
  pipes: Pipe[] = [];
  answers: { [request: string]: any } = {
    'GET api/v1/functions': [fn('f')],
    'GET api/v1/runs?last=100': [run('1', 'running')]
  };
  waits: number[] = [];
  clock: IClock = {
    random: () => 1,
    wait: async ms => void this.waits.push(ms)
  };
  private changed: () => void = () => undefined;
  feed = new Feed(this, () => this.changed(), this.clock);

  async request(method: string, path: string): Promise<any> {
    this.asked.push(`${method} ${path}`);
    const answer = this.answers[`${method} ${path}`];
    if (answer instanceof Error) {
      throw answer;
    }
    return answer ?? {};
  }

  stream(path: string, signal: AbortSignal): AsyncIterable<IPushed> {
    this.asked.push(`STREAM ${path}`);
    const pipe = new Pipe();
    this.pipes.push(pipe);
    this.changed();
    return pipe.read(signal);
  }

  /** Resolves when the state, or the number of streams, is such. */
  async until(condition: (state: IState) => boolean): Promise<IState> {
    while (!condition(this.feed.state)) {
      await new Promise<void>(resolve => (this.changed = resolve));
    }
    return this.feed.state;
  }

  async running(): Promise<this> {
    this.feed.open();
    this.pipes[0].push('service', { running: true });
    await this.until(state => state.loaded);
    return this;
  }
}

test('everything is listed once the stream says that there is a service, and then it is followed', async () => {
  const fake = await new Fake().running();
  expect(fake.asked).toEqual([
    'STREAM api/v1/events',
    'GET api/v1/functions',
    'GET api/v1/runs?last=100'
  ]);
  fake.pipes[0].push('run', run('1', 'succeeded'));
  const state = await fake.until(now => now.ended.length === 1);
  expect(state.live).toEqual([]);
  expect(fake.asked.length).toBe(3);
});

test('without a service nothing is asked', async () => {
  const fake = new Fake();
  fake.feed.open();
  fake.pipes[0].push('service', { running: false });
  await fake.until(state => state.service === 'absent');
  expect(fake.asked).toEqual(['STREAM api/v1/events']);
});

test('a broken stream is opened again, later each time, and at once sooner after it worked', async () => {
  const fake = await new Fake().running();
  fake.pipes[0].end();
  await fake.until(() => fake.pipes.length === 2);
  expect(fake.feed.state.linked).toBe(false);
  fake.pipes[1].end();
  await fake.until(() => fake.pipes.length === 3);
  fake.pipes[2].push('service', { running: true });
  await fake.until(state => state.linked && state.loaded);
  fake.pipes[2].end();
  await fake.until(() => fake.pipes.length === 4);
  expect(fake.waits).toEqual([250, 500, 250]);
});

test('the pause between two tries has a limit', async () => {
  const fake = new Fake();
  fake.feed.open();
  for (let i = 0; i < 12; i++) {
    fake.pipes[i].end();
    await fake.until(() => fake.pipes.length === i + 2);
  }
  expect(Math.max(...fake.waits)).toBe(15000);
});

test('a closed feed is silent and keeps what it last knew', async () => {
  const fake = await new Fake().running();
  fake.feed.close();
  await Promise.resolve();
  expect(fake.feed.state.functions.length).toBe(1);
  expect([fake.pipes.length, fake.waits]).toEqual([1, []]);
  fake.feed.open();
  expect(fake.pipes.length).toBe(2);
});

test('opening twice opens one stream', () => {
  const fake = new Fake();
  fake.feed.open();
  fake.feed.open();
  expect(fake.pipes.length).toBe(1);
});

test('start says so at once, and why when it fails', async () => {
  const fake = new Fake();
  const fault = { type: 'ServiceError', message: 'It died.', remedy: 'Look.' };
  fake.answers['POST service/start'] = new Refusal(fault);
  const starting = fake.feed.start();
  expect(fake.feed.state.service).toBe('starting');
  await starting;
  expect([fake.feed.state.service, fake.feed.state.fault]).toEqual(['absent', fault]);
  fake.feed.dismiss();
  expect(fake.feed.state.fault).toBe(null);
});

test('pause, resume and cancel go to the service, and their answers are shown at once', async () => {
  const fake = await new Fake().running();
  fake.answers['POST api/v1/functions/f/pause'] = fn('f', { state: 'paused' });
  fake.answers['POST api/v1/runs/1/cancel'] = run('1', 'cancelled');
  await fake.feed.pause('f');
  await fake.feed.cancel('1');
  expect(fake.feed.state.functions[0].state).toBe('paused');
  expect(fake.feed.state.ended[0].state).toBe('cancelled');
  fake.answers['POST api/v1/functions/f/resume'] = fn('f');
  await fake.feed.resume('f');
  expect(fake.feed.state.functions[0].state).toBe('active');
});

test('a refused wish is told and changes nothing else', async () => {
  const fake = await new Fake().running();
  const fault = { type: 'NotFound', message: 'No function f.', remedy: '' };
  fake.answers['POST api/v1/functions/f/pause'] = new Refusal(fault);
  await fake.feed.pause('f');
  expect(fake.feed.state.fault).toEqual(fault);
  expect(fake.feed.state.functions.length).toBe(1);
});
