import * as React from 'react';
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { beforeEach, expect, test } from 'vitest';

import { IState, NOTHING, listed, pushed } from '../src/model';
import { EXAMPLE, View } from '../src/view';
import { fn, run, wishes, words } from './examples';

(globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;

const NOW = new Date('2026-11-24T08:00:05.100Z');
const running = pushed(NOTHING, { event: 'service', data: { running: true } });
let host: HTMLElement;
let said: ReturnType<typeof wishes>;

beforeEach(() => {
  host = document.createElement('div');
  said = wishes();
});

function show(state: IState): HTMLElement {
  const root = createRoot(host);
  act(() => root.render(<View state={state} wishes={said} words={words} now={NOW} />));
  return host;
}

function press(label: string): void {
  const named = [...host.querySelectorAll('button')].find(
    each => each.getAttribute('aria-label') === label || each.textContent === label
  );
  act(() => named!.click());
}

test('a service that is not running can be started', () => {
  show({ ...NOTHING, service: 'absent' });
  expect(host.textContent).toContain('Service is not running');
  press('Start the service');
  expect(said.said).toEqual([['start']]);
});

test('while it starts the button waits', () => {
  show({ ...NOTHING, service: 'starting' });
  expect(host.querySelector('button')!.disabled).toBe(true);
});

test('an empty service says what to type, cell by cell', () => {
  show(listed(running, [], []));
  expect([...host.querySelectorAll('pre')].map(each => each.textContent)).toEqual(EXAMPLE);
  press('Copy');
  expect(said.said).toEqual([['copy', EXAMPLE[0]]]);
});

test('a function shows version, triggers, counts and cost', () => {
  const trigger = { id: 't', uri: 'incoming/*.csv settle=1s', state: 'active', lag: 2 };
  const runs = { succeeded: 1200, dead: 1, running: 2 };
  show(
    listed(
      running,
      [fn('daily_delays', { version: 3, triggers: [trigger], runs, cost_usd: '0.0123' })],
      []
    )
  );
  const card = host.querySelector('.jp-fn-card')!.textContent;
  for (const part of [
    'daily_delays',
    'v3',
    'incoming/*.csv settle=1s',
    '2 behind',
    '1 failed',
    '$0.01'
  ]) {
    expect(card).toContain(part);
  }
});

test('functions are paused and resumed by buttons that name them', () => {
  show(listed(running, [fn('a'), fn('b', { state: 'paused' })], []));
  press('Pause a');
  press('Resume b');
  expect(said.said).toEqual([
    ['pause', 'a'],
    ['resume', 'b']
  ]);
});

test('an ended run shows state, duration, cost and its error', () => {
  const error = { type: 'ValueError', message: 'no column dep_delay', traceback: 'line 7' };
  show(listed(running, [fn('a')], [run('1', 'dead', { error, reason: 'RetriesExhausted' })]));
  const card = host.querySelector('.jp-fn-run')!.textContent;
  expect(card).toContain('41 ms · $0.000000683');
  expect(card).toContain('ValueError: no column dep_delay');
  expect(card).toContain('dead (RetriesExhausted)');
  expect(card).toContain('line 7');
});

test('a running run counts its seconds, shows progress and can be cancelled; an ended one cannot', () => {
  const state = listed(running, [fn('a')], [run('1', 'running'), run('2', 'succeeded')]);
  show(pushed(state, { event: 'progress', data: { run_id: '1', done: 1, total: 2 } }));
  expect(host.querySelector('.jp-fn-run')!.textContent).toContain('5 s');
  expect(host.querySelector('progress')!.value).toBe(0.5);
  press('Cancel this run of daily_delays');
  expect(said.said).toEqual([['cancel', '1']]);
});

test('the status line and faults are announced, and every button has a name', () => {
  const fault = { type: 'E', message: 'It broke.', remedy: 'Mend it.' };
  show({ ...listed(running, [fn('a')], [run('1', 'running')]), fault });
  expect(host.querySelector('[role=status]')!.textContent).toContain('Service running');
  expect(host.querySelector('[role=alert]')!.textContent).toBe('It broke.Mend it.');
  for (const button of host.querySelectorAll('button')) {
    expect(button.getAttribute('aria-label') || button.textContent).toBeTruthy();
  }
  for (const section of host.querySelectorAll('section')) {
    expect(host.querySelector(`[id="${section.getAttribute('aria-labelledby')}"]`)).toBeTruthy();
  }
});

test('a lost connection is said', () => {
  show({ ...NOTHING, linked: false });
  expect(host.textContent).toContain('Reconnecting');
});
