/** The panel as a JupyterLab widget: follows while it can be seen, and only then. */

import { Clipboard, ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { Feed, IBackend } from './feed';
import { View } from './view';
import type { IWishes } from './wishes';

const TICK_MS = 1000;

export class FunctionsPanel extends ReactWidget {
  constructor(
    backend: IBackend,
    private readonly words: TranslationBundle
  ) {
    super();
    this.addClass('jp-fn-panel');
    this.feed = new Feed(backend, () => this.soon());
    this.wishes = {
      start: () => void this.feed.start(),
      pause: name => void this.feed.pause(name),
      resume: name => void this.feed.resume(name),
      cancel: id => void this.feed.cancel(id),
      copy: text => Clipboard.copyToSystem(text),
      dismiss: () => this.feed.dismiss()
    };
    document.addEventListener('visibilitychange', this.seen);
  }

  dispose(): void {
    document.removeEventListener('visibilitychange', this.seen);
    this.feed.close();
    super.dispose();
  }

  protected onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.seen();
  }

  protected onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.seen();
  }

  protected onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.seen();
  }

  protected onBeforeDetach(msg: Message): void {
    this.feed.close();
    super.onBeforeDetach(msg);
  }

  protected render(): JSX.Element {
    return (
      <View state={this.feed.state} wishes={this.wishes} words={this.words} now={new Date()} />
    );
  }

  private readonly seen = (): void => {
    if (this.isVisible && !document.hidden) {
      this.feed.open();
    } else {
      this.feed.close();
    }
  };

  /** Draw with the next frame, however many changes come before it; and every second while something runs. */
  private soon(): void {
    if (!this.asked) {
      this.asked = true;
      requestAnimationFrame(() => {
        this.asked = false;
        this.update();
        this.tick();
      });
    }
  }

  private tick(): void {
    clearTimeout(this.timer);
    if (this.isVisible && this.feed.state.live.some(run => run.state === 'running')) {
      this.timer = window.setTimeout(() => this.soon(), TICK_MS);
    }
  }

  private readonly feed: Feed;
  private readonly wishes: IWishes;
  private asked = false;
  private timer = 0;
}
