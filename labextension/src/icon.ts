import { LabIcon } from '@jupyterlab/ui-components';

export const functionIcon = new LabIcon({
  name: 'jupyter-fn:function',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
  <path class="jp-icon3" fill="#616161" d="M14.9 3.2c-3.2 0-4.6 2-5.2 5l-.3 1.6H6.6l-.4 2H9l-1.1 5.8c-.3 1.5-.8 2.2-2 2.2-.5 0-.9-.1-1.3-.3l-.6 2c.6.3 1.3.4 2.1.4 2.6 0 3.8-1.6 4.3-4.2l1.1-5.9h3.2l.4-2h-3.2l.3-1.4c.3-1.9.9-3.1 2.5-3.1.6 0 1.1.1 1.6.4l.7-2c-.6-.3-1.3-.5-2.1-.5z"/>
  <path class="jp-icon3" fill="#616161" d="M16.2 14.5l1.5 1.5 1.5-1.5 1.3 1.3-1.5 1.5 1.5 1.5-1.3 1.3-1.5-1.5-1.5 1.5-1.3-1.3 1.5-1.5-1.5-1.5z"/>
</svg>`
});
