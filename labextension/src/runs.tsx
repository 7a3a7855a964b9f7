/** One run: state, duration and cost; opened, why and with what; cancel while it lives. */

import * as React from 'react';

import { dollars, duration, moment } from './format';
import { Glyph, IconButton } from './glyphs';
import { IRun, isLive } from './model';
import type { IWishes, IWords } from './wishes';

export interface IRunCardProps {
  run: IRun;
  /** Done so far, 0 … 1, where the handler says it. */
  part?: number;
  wishes: IWishes;
  words: IWords;
  now: Date;
}

export function RunCard({ run, part, wishes, words, now }: IRunCardProps): JSX.Element {
  const live = isLive(run);
  return (
    <li className="jp-fn-card jp-fn-run">
      <details>
        <summary>
          <span className={`jp-fn-state jp-fn-is-${run.state}`} title={run.state}>
            <Glyph name={run.state} />
            <span className="jp-fn-unseen">{run.state} </span>
          </span>
          <span className="jp-fn-name">{run.function}</span>
          <time className="jp-fn-quiet" dateTime={run.ended ?? run.created}>
            {moment(run.ended ?? run.created, now)}
          </time>
          <span className="jp-fn-figures">{figures(run, words, now).join(' · ')}</span>
          {run.error && (
            <span className="jp-fn-error">{`${run.error.type}: ${run.error.message}`}</span>
          )}
        </summary>
        <Details run={run} words={words} />
        {run.error?.traceback && (
          <pre className="jp-fn-traceback" tabIndex={0}>
            {run.error.traceback}
          </pre>
        )}
      </details>
      {live && (
        <IconButton
          glyph="stop"
          label={words.__('Cancel this run of %1', run.function)}
          onClick={() => wishes.cancel(run.id)}
        />
      )}
      {part !== undefined && (
        <progress value={part} aria-label={words.__('Progress of %1', run.function)} />
      )}
    </li>
  );
}

/** What is known of duration and cost; a running one counts on. */
function figures(run: IRun, words: IWords, now: Date): string[] {
  if (run.state === 'queued') {
    return [words.__('queued')];
  }
  if (run.state === 'running') {
    const ms = run.started ? Math.max(0, now.getTime() - Date.parse(run.started)) : 0;
    return [ms < 1000 ? words.__('running') : duration(Math.floor(ms / 1000) * 1000)];
  }
  const tail = run.state === 'waiting' ? [words.__('will be tried again')] : [];
  return [duration(run.duration_ms), dollars(Number(run.cost_usd)), ...tail];
}

function Details({ run, words }: { run: IRun; words: IWords }): JSX.Element {
  const rows: [string, string][] = [
    [words.__('State'), run.reason ? `${run.state} (${run.reason})` : run.state],
    [words.__('Version'), String(run.version)],
    [words.__('Trigger'), run.trigger],
    [words.__('Attempts'), String(run.attempts)],
    [words.__('Memory'), words.__('%1 of %2 MB', run.max_memory_mb, run.memory_mb)],
    [words.__('Worker'), run.worker],
    [words.__('Result'), run.result === null || run.result === undefined ? '' : brief(run.result)],
    [words.__('Run'), run.id]
  ];
  return (
    <dl className="jp-fn-details">
      {rows
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <React.Fragment key={name}>
            <dt>{name}</dt>
            <dd title={value}>{value}</dd>
          </React.Fragment>
        ))}
    </dl>
  );
}

function brief(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
