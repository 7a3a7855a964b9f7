/** Small drawings that take the colour of the text; the words beside them say the same. */

import * as React from 'react';

const PATHS: { [name: string]: string } = {
  succeeded: 'M3.5 8.5l3 3 6-7',
  failed: 'M4 4l8 8M12 4l-8 8',
  cancelled: 'M3.8 3.8l8.4 8.4M8 2.2a5.8 5.8 0 1 1 0 11.6a5.8 5.8 0 1 1 0-11.6',
  waiting: 'M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3',
  queued: 'M8 4.5V8l2.3 1.6M8 2.2a5.8 5.8 0 1 1 0 11.6a5.8 5.8 0 1 1 0-11.6',
  running: 'M8 2.5a5.5 5.5 0 1 1-5.5 5.5',
  unknown: 'M5.6 6a2.4 2.4 0 1 1 3.5 2.1c-.8.4-1.1.9-1.1 1.7M8 12.6v.1',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  resume: 'M5 3.2v9.6l7.5-4.8z',
  stop: 'M4.2 4.2h7.6v7.6h-7.6z',
  copy: 'M5.8 5.8V3h7.2v7.2h-2.8M3 5.8h7.2V13H3z',
  close: 'M4 4l8 8M12 4l-8 8'
};

const SAME: { [state: string]: string } = {
  dead: 'failed',
  split: 'cancelled',
  skipped: 'cancelled'
};

export function Glyph({ name }: { name: string }): JSX.Element {
  const shape = SAME[name] ?? (name in PATHS ? name : 'unknown');
  return (
    <svg
      className={`jp-fn-glyph jp-fn-glyph-${shape}`}
      viewBox="0 0 16 16"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[shape]} />
    </svg>
  );
}

/** A button that is only a drawing; its label is spoken and shown on hover. */
export function IconButton(props: {
  glyph: string;
  label: string;
  onClick: () => void;
}): JSX.Element {
  return (
    <button
      className="jp-fn-icon"
      title={props.label}
      aria-label={props.label}
      onClick={props.onClick}
    >
      <Glyph name={props.glyph} />
    </button>
  );
}
