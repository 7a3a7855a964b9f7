import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { backendOf } from './backend';
import { functionIcon } from './icon';
import { FunctionsPanel } from './panel';

const PANEL = 'jupyter-fn-panel';

export namespace CommandIDs {
  export const open = 'jupyter-fn:open';
}

/** Every service of the application is optional, so that Notebook 7 has the panel too. */
const plugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-fn:plugin',
  description: 'Functions, live runs and their cost in the side panel.',
  autoStart: true,
  optional: [ITranslator, ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ) => {
    const words = (translator ?? nullTranslator).load('jupyter_fn');
    const panel = new FunctionsPanel(backendOf(app.serviceManager.serverSettings), words);
    panel.id = PANEL;
    panel.title.icon = functionIcon;
    panel.title.caption = words.__('Functions');
    panel.node.setAttribute('role', 'region');
    panel.node.setAttribute('aria-label', words.__('Functions'));
    app.shell.add(panel, 'left', { rank: 250, type: 'Functions' });
    restorer?.add(panel, PANEL);

    app.commands.addCommand(CommandIDs.open, {
      label: words.__('Show Functions'),
      caption: words.__('Functions, live runs and their cost'),
      icon: functionIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(PANEL)
    });
    palette?.addItem({ command: CommandIDs.open, category: words.__('Functions') });
  }
};

export default plugin;
