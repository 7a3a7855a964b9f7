import { expect, test } from 'vitest';

import { IState, MOST_ENDED, MOST_LIVE, NOTHING, listed, pushed } from '../src/model';
import { fn, run } from './examples';

const ids = (runs: IState['live']) => runs.map(each => each.id);
const started: IState = listed(
  pushed(NOTHING, { event: 'service', data: { running: true } }),
  [fn('b'), fn('a')],
  [run('1', 'succeeded', { ended: '2026-11-24T08:00:01Z' })]
);

test('functions are listed by name and a pushed one replaces the old one', () => {
  const next = pushed(started, { event: 'function', data: fn('b', { state: 'paused' }) });
  expect(next.functions.map(each => each.name)).toEqual(['a', 'b']);
  expect(next.functions[1].state).toBe('paused');
});

test('a removed function leaves', () => {
  const next = pushed(started, { event: 'function', data: { removed: 'a' } });
  expect(next.functions.map(each => each.name)).toEqual(['b']);
});

test('a run moves from the live ones to the ended ones', () => {
  let state = pushed(started, { event: 'run', data: run('2', 'queued') });
  state = pushed(state, { event: 'run', data: run('2', 'running') });
  expect([ids(state.live), ids(state.ended)]).toEqual([['2'], ['1']]);
  const over = run('2', 'succeeded', { ended: '2026-11-24T08:00:02Z' });
  state = pushed(state, { event: 'run', data: over });
  expect([ids(state.live), ids(state.ended)]).toEqual([[], ['2', '1']]);
});

test('terminal is final: a late event of an ended run changes nothing', () => {
  const state = pushed(started, { event: 'run', data: run('1', 'running') });
  expect([ids(state.live), ids(state.ended)]).toEqual([[], ['1']]);
});

test('running runs stand before waiting ones, and those before queued ones, oldest first', () => {
  const at = (second: number) => ({ created: `2026-11-24T08:00:0${second}Z` });
  const state = listed(
    NOTHING,
    [],
    [
      run('q2', 'queued', at(2)),
      run('q1', 'queued', at(1)),
      run('w', 'waiting', at(3)),
      run('r', 'running', at(4))
    ]
  );
  expect(ids(state.live)).toEqual(['r', 'w', 'q1', 'q2']);
});

test('however many runs there are, the lists stay bounded', () => {
  let state = started;
  for (let i = 0; i < 300; i++) {
    state = pushed(state, { event: 'run', data: run(`q${i}`, 'queued') });
    state = pushed(state, { event: 'run', data: run(`s${i}`, 'succeeded') });
  }
  expect([state.live.length, state.ended.length]).toEqual([MOST_LIVE, MOST_ENDED]);
});

test('progress is kept while its run lives', () => {
  let state = pushed(started, { event: 'run', data: run('2', 'running') });
  state = pushed(state, { event: 'progress', data: { run_id: '2', done: 1, total: 4 } });
  expect(state.progress).toEqual({ '2': 0.25 });
  state = pushed(state, { event: 'progress', data: { run_id: '2', done: 1, total: 0 } });
  expect(state.progress).toEqual({ '2': 0.25 });
  state = pushed(state, { event: 'run', data: run('2', 'dead') });
  expect(state.progress).toEqual({});
});

test('when the service goes nothing of it stays, and while it starts that is said', () => {
  const gone = { event: 'service', data: { running: false } };
  expect(pushed(started, gone)).toEqual({ ...NOTHING, service: 'absent' });
  expect(pushed({ ...started, service: 'starting' }, gone).service).toBe('starting');
});

test('events of an unknown kind are passed over', () => {
  expect(pushed(started, { event: 'log', data: {} })).toBe(started);
});
