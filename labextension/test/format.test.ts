import { expect, test } from 'vitest';

import { dollars, duration, moment } from '../src/format';

test.each([
  [0, '0 ms'],
  [41.3, '41 ms'],
  [1534, '1.53 s'],
  [60000, '60 s'],
  [125000, '2 m 5 s'],
  [3725000, '1 h 2 m']
])('%d ms reads %s', (ms, text) => expect(duration(ms)).toBe(text));

test.each([
  [0, '$0'],
  [12.345, '$12.35'],
  [0.0123, '$0.01'],
  [0.0000006833335, '$0.000000683'],
  [0.002, '$0.002']
])('%d dollars read %s', (amount, text) => expect(dollars(amount)).toBe(text));

test('a moment of today is its time, an older one has its date in front', () => {
  const noon = new Date(2026, 10, 24, 12, 0, 0);
  expect(moment(noon.toISOString(), noon)).not.toContain(',');
  expect(moment(noon.toISOString(), new Date(2026, 10, 25))).toMatch(/24.*, |, .*24|Nov/);
});
