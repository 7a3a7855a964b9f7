/** One function: name, version, triggers, counts, cost; pause and resume. */

import * as React from 'react';

import { dollars } from './format';
import { Glyph, IconButton } from './glyphs';
import type { IFunction, ITrigger } from './model';
import type { IWishes, IWords } from './wishes';

export interface IFunctionCardProps {
  fn: IFunction;
  wishes: IWishes;
  words: IWords;
}

export function FunctionCard({ fn, wishes, words }: IFunctionCardProps): JSX.Element {
  const paused = fn.state === 'paused';
  return (
    <li className={`jp-fn-card${paused ? ' jp-fn-paused' : ''}`}>
      <div className="jp-fn-row">
        <span className="jp-fn-name" title={fn.name}>
          {fn.name}
        </span>
        <span className="jp-fn-chip">v{fn.version}</span>
        {paused && <span className="jp-fn-chip jp-fn-chip-paused">{words.__('paused')}</span>}
        <span className="jp-fn-space" />
        {paused ? (
          <IconButton
            glyph="resume"
            label={words.__('Resume %1', fn.name)}
            onClick={() => wishes.resume(fn.name)}
          />
        ) : (
          <IconButton
            glyph="pause"
            label={words.__('Pause %1', fn.name)}
            onClick={() => wishes.pause(fn.name)}
          />
        )}
      </div>
      {fn.triggers.map(trigger => (
        <Trigger key={trigger.id} trigger={trigger} words={words} />
      ))}
      <Counts fn={fn} words={words} />
    </li>
  );
}

function Trigger({ trigger, words }: { trigger: ITrigger; words: IWords }): JSX.Element {
  const unusual = trigger.state !== 'active' && trigger.state !== 'paused';
  return (
    <div className="jp-fn-trigger">
      <code title={trigger.uri}>{trigger.uri}</code>
      {unusual && <span className={`jp-fn-chip jp-fn-chip-${trigger.state}`}>{trigger.state}</span>}
      {trigger.lag ? (
        <span className="jp-fn-chip" title={words.__('Seen, not yet handled')}>
          {words.__('%1 behind', trigger.lag)}
        </span>
      ) : null}
    </div>
  );
}

function Counts({ fn, words }: { fn: IFunction; words: IWords }): JSX.Element {
  const sum = (...states: string[]) => states.reduce((n, state) => n + (fn.runs[state] ?? 0), 0);
  const counts = [
    { glyph: 'succeeded', n: sum('succeeded'), word: words.__('succeeded') },
    { glyph: 'failed', n: sum('failed', 'dead', 'unknown'), word: words.__('failed') },
    { glyph: 'running', n: sum('running'), word: words.__('running') },
    { glyph: 'queued', n: sum('queued', 'waiting'), word: words.__('queued') }
  ].filter(count => count.n > 0);
  return (
    <div className="jp-fn-counts">
      {counts.map(({ glyph, n, word }) => (
        <span key={glyph} className={`jp-fn-tally jp-fn-is-${glyph}`} title={`${n} ${word}`}>
          <Glyph name={glyph} />
          {n.toLocaleString()}
          <span className="jp-fn-unseen"> {word}</span>
        </span>
      ))}
      {!counts.length && <span className="jp-fn-quiet">{words.__('no runs yet')}</span>}
      <span className="jp-fn-space" />
      <span title={words.__('Cost of its runs')}>{dollars(Number(fn.cost_usd))}</span>
    </div>
  );
}
