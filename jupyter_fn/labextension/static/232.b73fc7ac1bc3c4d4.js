"use strict";(self.rspackChunkjupyter_fn=self.rspackChunkjupyter_fn||[]).push([[232],{475(r,o,n){var e=n(601),t=n.n(e),a=n(314),i=(n.n(a))()(t());i.push([r.id,`/* The panel is 250 px wide by default. Colours are JupyterLab's own, so every theme fits. */

.jp-fn-panel {
  min-width: 180px;
  overflow: hidden auto;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size1);
  line-height: 1.4;
}

.jp-fn p {
  margin: 0 0 8px;
}

/* Status line */

.jp-fn-status {
  position: sticky;
  top: 0;
  z-index: 1;
  display: flex;
  align-items: center;
  gap: 8px;
  box-sizing: border-box;
  min-height: 32px;
  padding: 4px 12px;
  border-bottom: var(--jp-border-width) solid var(--jp-border-color2);
  background: var(--jp-layout-color1);
}

.jp-fn-status-text {
  flex: 1;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.jp-fn-total {
  font-weight: 600;
  font-variant-numeric: tabular-nums;
}

.jp-fn-dot {
  flex: none;
  width: 8px;
  height: 8px;
  border-radius: 50%;
  background: var(--jp-layout-color4);
}

.jp-fn-dot-running {
  background: var(--jp-success-color1);
}

.jp-fn-dot-starting {
  background: var(--jp-info-color1);
  animation: jp-fn-breathe 1.2s ease-in-out infinite;
}

.jp-fn-dot-lost {
  background: var(--jp-warn-color1);
  animation: jp-fn-breathe 1.2s ease-in-out infinite;
}

/* Sections and cards */

.jp-fn-title {
  margin: 0;
  padding: 12px 12px 4px;
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
  font-weight: 600;
  letter-spacing: 0.05em;
  text-transform: uppercase;
}

.jp-fn-count {
  font-weight: 400;
}

.jp-fn-list {
  display: flex;
  flex-direction: column;
  gap: 6px;
  margin: 0;
  padding: 0 8px 4px;
  list-style: none;
}

.jp-fn-card {
  position: relative;
  padding: 6px 8px;
  border: var(--jp-border-width) solid var(--jp-border-color2);
  border-radius: 4px;
  background: var(--jp-layout-color1);
}

.jp-fn-card:hover {
  border-color: var(--jp-border-color1);
}

.jp-fn-paused .jp-fn-name,
.jp-fn-paused .jp-fn-trigger {
  opacity: 0.65;
}

.jp-fn-row,
.jp-fn-counts,
.jp-fn-trigger {
  display: flex;
  align-items: center;
  gap: 6px;
  min-width: 0;
}

.jp-fn-row {
  min-height: 24px;
}

.jp-fn-name {
  overflow: hidden;
  font-weight: 600;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.jp-fn-space {
  flex: 1;
}

.jp-fn-chip {
  flex: none;
  padding: 0 5px;
  border-radius: 8px;
  background: var(--jp-layout-color2);
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
  line-height: 16px;
}

.jp-fn-chip-paused,
.jp-fn-chip-failing {
  background: var(--jp-warn-color3);
  color: var(--jp-warn-color0);
}

.jp-fn-trigger code {
  flex: 0 1 auto;
  overflow: hidden;
  background: none;
  color: var(--jp-ui-font-color2);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-ui-font-size0);
  text-overflow: ellipsis;
  white-space: nowrap;
}

.jp-fn-counts {
  gap: 10px;
  margin-top: 4px;
  font-size: var(--jp-ui-font-size0);
  font-variant-numeric: tabular-nums;
}

.jp-fn-tally {
  display: inline-flex;
  align-items: center;
  gap: 3px;
}

.jp-fn-quiet {
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
}

.jp-fn-note {
  padding: 12px;
}

/* Runs */

.jp-fn-run {
  padding: 0;
}

.jp-fn-run summary {
  display: grid;
  grid-template-columns: auto 1fr auto;
  gap: 0 8px;
  padding: 6px 8px;
  border-radius: 4px;
  list-style: none;
  cursor: pointer;
}

.jp-fn-run summary::-webkit-details-marker {
  display: none;
}

.jp-fn-run time {
  line-height: 18px;
  font-variant-numeric: tabular-nums;
}

.jp-fn-state {
  display: inline-flex;
  align-items: center;
}

.jp-fn-figures,
.jp-fn-error {
  grid-column: 2 / -1;
}

.jp-fn-figures {
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size0);
  font-variant-numeric: tabular-nums;
}

.jp-fn-error {
  overflow: hidden;
  color: var(--jp-error-color1);
  font-size: var(--jp-ui-font-size0);
  text-overflow: ellipsis;
  white-space: nowrap;
}

.jp-fn-run details[open] .jp-fn-error {
  overflow-wrap: anywhere;
  white-space: normal;
}

.jp-fn-run > .jp-fn-icon {
  position: absolute;
  right: 4px;
  bottom: 3px;
}

.jp-fn-run progress {
  display: block;
  width: 100%;
  height: 3px;
  border: 0;
  appearance: none;
  background: var(--jp-layout-color2);
}

.jp-fn-run progress::-webkit-progress-bar {
  background: var(--jp-layout-color2);
}

.jp-fn-run progress::-webkit-progress-value {
  background: var(--jp-brand-color1);
  transition: width 0.2s;
}

.jp-fn-run progress::-moz-progress-bar {
  background: var(--jp-brand-color1);
}

.jp-fn-details {
  display: grid;
  grid-template-columns: auto 1fr;
  gap: 2px 10px;
  margin: 0;
  padding: 6px 8px 8px 32px;
  border-top: var(--jp-border-width) solid var(--jp-border-color3);
  font-size: var(--jp-ui-font-size0);
}

.jp-fn-details dt {
  color: var(--jp-ui-font-color2);
}

.jp-fn-details dd {
  margin: 0;
  overflow-wrap: anywhere;
}

.jp-fn-traceback {
  max-height: 200px;
  margin: 0 8px 8px;
  padding: 6px 8px;
  overflow: auto;
  border-radius: 3px;
  background: var(--jp-rendermime-error-background);
  color: var(--jp-content-font-color1);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-ui-font-size0);
  line-height: 1.4;
}

/* States: colour and shape, never colour alone */

.jp-fn-glyph {
  display: block;
  flex: none;
  width: 14px;
  height: 14px;
  fill: none;
  stroke: currentcolor;
  stroke-width: 1.8;
  stroke-linecap: round;
  stroke-linejoin: round;
}

.jp-fn-tally .jp-fn-glyph {
  width: 12px;
  height: 12px;
}

.jp-fn-is-succeeded .jp-fn-glyph {
  color: var(--jp-success-color1);
}

.jp-fn-is-failed .jp-fn-glyph,
.jp-fn-is-dead .jp-fn-glyph {
  color: var(--jp-error-color1);
}

.jp-fn-is-waiting .jp-fn-glyph,
.jp-fn-is-unknown .jp-fn-glyph {
  color: var(--jp-warn-color1);
}

.jp-fn-is-running .jp-fn-glyph {
  color: var(--jp-brand-color1);
  animation: jp-fn-turn 1s linear infinite;
}

.jp-fn-is-queued .jp-fn-glyph,
.jp-fn-is-cancelled .jp-fn-glyph,
.jp-fn-is-skipped .jp-fn-glyph,
.jp-fn-is-split .jp-fn-glyph {
  color: var(--jp-ui-font-color2);
}

/* Buttons */

.jp-fn-icon {
  display: inline-flex;
  flex: none;
  align-items: center;
  justify-content: center;
  width: 24px;
  height: 24px;
  padding: 0;
  border: 0;
  border-radius: 3px;
  background: none;
  color: var(--jp-ui-font-color2);
  cursor: pointer;
}

.jp-fn-icon:hover {
  background: var(--jp-layout-color2);
  color: var(--jp-ui-font-color1);
}

.jp-fn-start {
  width: 100%;
  height: 30px;
  margin-bottom: 12px;
  border: 0;
  border-radius: 4px;
  background: var(--jp-brand-color1);
  color: var(--jp-ui-inverse-font-color1);
  font: inherit;
  cursor: pointer;
}

.jp-fn-start:hover {
  background: var(--jp-brand-color0);
}

.jp-fn-start:disabled {
  opacity: 0.6;
  cursor: default;
}

.jp-fn-icon:focus-visible,
.jp-fn-start:focus-visible,
.jp-fn-run summary:focus-visible,
.jp-fn-traceback:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -1px;
}

/* Nothing to show, something wrong */

.jp-fn-empty {
  padding: 12px;
}

.jp-fn-example {
  position: relative;
  margin-bottom: 6px;
  border: var(--jp-border-width) solid var(--jp-cell-editor-border-color);
  border-radius: 4px;
  background: var(--jp-cell-editor-background);
}

.jp-fn-example pre {
  margin: 0;
  padding: 8px;
  overflow-x: auto;
  background: none;
  color: var(--jp-content-font-color1);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-ui-font-size0);
  line-height: 1.5;
}

.jp-fn-example .jp-fn-icon {
  position: absolute;
  top: 2px;
  right: 2px;
  background: var(--jp-cell-editor-background);
  opacity: 0;
}

.jp-fn-example:hover .jp-fn-icon,
.jp-fn-example .jp-fn-icon:focus-visible {
  opacity: 1;
}

.jp-fn-fault {
  display: flex;
  align-items: flex-start;
  gap: 4px;
  margin: 8px;
  padding: 6px 4px 6px 8px;
  border-left: 3px solid var(--jp-error-color1);
  background: var(--jp-layout-color2);
  font-size: var(--jp-ui-font-size1);
  overflow-wrap: anywhere;
}

.jp-fn-fault > div {
  flex: 1;
}

.jp-fn-unseen {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

@keyframes jp-fn-turn {
  to {
    transform: rotate(1turn);
  }
}

@keyframes jp-fn-breathe {
  50% {
    opacity: 0.3;
  }
}

@media (prefers-reduced-motion: reduce) {
  .jp-fn-dot,
  .jp-fn-glyph {
    animation: none !important;
  }
}
`,""]),n.d(o,{},{A:i})},314(r){r.exports=function(r){var o=[];return o.toString=function(){return this.map(function(o){var n="",e=void 0!==o[5];return o[4]&&(n+="@supports (".concat(o[4],") {")),o[2]&&(n+="@media ".concat(o[2]," {")),e&&(n+="@layer".concat(o[5].length>0?" ".concat(o[5]):""," {")),n+=r(o),e&&(n+="}"),o[2]&&(n+="}"),o[4]&&(n+="}"),n}).join("")},o.i=function(r,n,e,t,a){"string"==typeof r&&(r=[[null,r,void 0]]);var i={};if(e)for(var p=0;p<this.length;p++){var l=this[p][0];null!=l&&(i[l]=!0)}for(var s=0;s<r.length;s++){var f=[].concat(r[s]);e&&i[f[0]]||(void 0!==a&&(void 0===f[5]||(f[1]="@layer".concat(f[5].length>0?" ".concat(f[5]):""," {").concat(f[1],"}")),f[5]=a),n&&(f[2]&&(f[1]="@media ".concat(f[2]," {").concat(f[1],"}")),f[2]=n),t&&(f[4]?(f[1]="@supports (".concat(f[4],") {").concat(f[1],"}"),f[4]=t):f[4]="".concat(t)),o.push(f))}},o}},601(r){r.exports=function(r){return r[1]}},72(r){var o=[];function n(r){for(var n=-1,e=0;e<o.length;e++)if(o[e].identifier===r){n=e;break}return n}function e(r,e){for(var t={},a=[],i=0;i<r.length;i++){var p=r[i],l=e.base?p[0]+e.base:p[0],s=t[l]||0,f="".concat(l," ").concat(s);t[l]=s+1;var c=n(f),d={css:p[1],media:p[2],sourceMap:p[3],supports:p[4],layer:p[5]};if(-1!==c)o[c].references++,o[c].updater(d);else{var u=function(r,o){var n=o.domAPI(o);return n.update(r),function(o){o?(o.css!==r.css||o.media!==r.media||o.sourceMap!==r.sourceMap||o.supports!==r.supports||o.layer!==r.layer)&&n.update(r=o):n.remove()}}(d,e);e.byIndex=i,o.splice(i,0,{identifier:f,updater:u,references:1})}a.push(f)}return a}r.exports=function(r,t){var a=e(r=r||[],t=t||{});return function(r){r=r||[];for(var i=0;i<a.length;i++){var p=n(a[i]);o[p].references--}for(var l=e(r,t),s=0;s<a.length;s++){var f=n(a[s]);0===o[f].references&&(o[f].updater(),o.splice(f,1))}a=l}}},659(r){var o={};r.exports=function(r,n){var e=function(r){if(void 0===o[r]){var n=document.querySelector(r);if(window.HTMLIFrameElement&&n instanceof window.HTMLIFrameElement)try{n=n.contentDocument.head}catch(r){n=null}o[r]=n}return o[r]}(r);if(!e)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");e.appendChild(n)}},540(r){r.exports=function(r){var o=document.createElement("style");return r.setAttributes(o,r.attributes),r.insert(o,r.options),o}},56(r,o,n){r.exports=function(r){var o=n.nc;o&&r.setAttribute("nonce",o)}},206(r){r.exports=function(r){if("u"<typeof document)return{update:function(){},remove:function(){}};var o=r.insertStyleElement(r);return{update:function(n){var e,t,a;e="",n.supports&&(e+="@supports (".concat(n.supports,") {")),n.media&&(e+="@media ".concat(n.media," {")),(t=void 0!==n.layer)&&(e+="@layer".concat(n.layer.length>0?" ".concat(n.layer):""," {")),e+=n.css,t&&(e+="}"),n.media&&(e+="}"),n.supports&&(e+="}"),(a=n.sourceMap)&&"u">typeof btoa&&(e+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(a))))," */")),r.styleTagTransform(e,o,r.options)},remove:function(){var r;null===(r=o).parentNode||r.parentNode.removeChild(r)}}}},113(r){r.exports=function(r,o){if(o.styleSheet)o.styleSheet.cssText=r;else{for(;o.firstChild;)o.removeChild(o.firstChild);o.appendChild(document.createTextNode(r))}}},579(r,o,n){var e=n(72),t=n.n(e),a=n(206),i=n.n(a),p=n(659),l=n.n(p),s=n(56),f=n.n(s),c=n(540),d=n.n(c),u=n(113),j=n.n(u),g=n(475),v={};v.styleTagTransform=j(),v.setAttributes=f(),v.insert=l().bind(null,"head"),v.domAPI=i(),v.insertStyleElement=d(),t()(g.A,v),g.A&&g.A.locals&&g.A.locals}}]);