"use strict";(self.rspackChunkjupyter_fn=self.rspackChunkjupyter_fn||[]).push([[232],{475(n,r,o){var e=o(601),t=o.n(e),i=o(314),a=(o.n(i))()(t());a.push([n.id,`/* The panel is 250 px wide by default. Colours are JupyterLab's own, so every theme fits. */

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
  display: flex;
  align-items: flex-start;
  gap: 8px;
  padding: 6px 8px;
  border-radius: 4px;
  list-style: none;
  cursor: pointer;
}

.jp-fn-run summary::-webkit-details-marker {
  display: none;
}

.jp-fn-run summary .jp-fn-quiet {
  flex: none;
  line-height: 18px;
  font-variant-numeric: tabular-nums;
}

.jp-fn-run-text {
  display: flex;
  flex: 1;
  flex-direction: column;
  min-width: 0;
}

.jp-fn-state {
  display: inline-flex;
  flex: none;
  padding-top: 2px;
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
  accent-color: var(--jp-brand-color1);
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
.jp-fn-run summary:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -1px;
}

/* Nothing to show, something wrong */

.jp-fn-empty {
  padding: 12px;
}

.jp-fn-example {
  position: relative;
  margin-bottom: 8px;
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
}

.jp-fn-fault {
  display: flex;
  align-items: flex-start;
  gap: 4px;
  margin: 8px;
  padding: 6px 4px 6px 8px;
  border-left: 3px solid var(--jp-error-color1);
  background: var(--jp-layout-color2);
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
`,""]),o.d(r,{},{A:a})},314(n){n.exports=function(n){var r=[];return r.toString=function(){return this.map(function(r){var o="",e=void 0!==r[5];return r[4]&&(o+="@supports (".concat(r[4],") {")),r[2]&&(o+="@media ".concat(r[2]," {")),e&&(o+="@layer".concat(r[5].length>0?" ".concat(r[5]):""," {")),o+=n(r),e&&(o+="}"),r[2]&&(o+="}"),r[4]&&(o+="}"),o}).join("")},r.i=function(n,o,e,t,i){"string"==typeof n&&(n=[[null,n,void 0]]);var a={};if(e)for(var p=0;p<this.length;p++){var l=this[p][0];null!=l&&(a[l]=!0)}for(var s=0;s<n.length;s++){var f=[].concat(n[s]);e&&a[f[0]]||(void 0!==i&&(void 0===f[5]||(f[1]="@layer".concat(f[5].length>0?" ".concat(f[5]):""," {").concat(f[1],"}")),f[5]=i),o&&(f[2]&&(f[1]="@media ".concat(f[2]," {").concat(f[1],"}")),f[2]=o),t&&(f[4]?(f[1]="@supports (".concat(f[4],") {").concat(f[1],"}"),f[4]=t):f[4]="".concat(t)),r.push(f))}},r}},601(n){n.exports=function(n){return n[1]}},72(n){var r=[];function o(n){for(var o=-1,e=0;e<r.length;e++)if(r[e].identifier===n){o=e;break}return o}function e(n,e){for(var t={},i=[],a=0;a<n.length;a++){var p=n[a],l=e.base?p[0]+e.base:p[0],s=t[l]||0,f="".concat(l," ").concat(s);t[l]=s+1;var c=o(f),d={css:p[1],media:p[2],sourceMap:p[3],supports:p[4],layer:p[5]};if(-1!==c)r[c].references++,r[c].updater(d);else{var u=function(n,r){var o=r.domAPI(r);return o.update(n),function(r){r?(r.css!==n.css||r.media!==n.media||r.sourceMap!==n.sourceMap||r.supports!==n.supports||r.layer!==n.layer)&&o.update(n=r):o.remove()}}(d,e);e.byIndex=a,r.splice(a,0,{identifier:f,updater:u,references:1})}i.push(f)}return i}n.exports=function(n,t){var i=e(n=n||[],t=t||{});return function(n){n=n||[];for(var a=0;a<i.length;a++){var p=o(i[a]);r[p].references--}for(var l=e(n,t),s=0;s<i.length;s++){var f=o(i[s]);0===r[f].references&&(r[f].updater(),r.splice(f,1))}i=l}}},659(n){var r={};n.exports=function(n,o){var e=function(n){if(void 0===r[n]){var o=document.querySelector(n);if(window.HTMLIFrameElement&&o instanceof window.HTMLIFrameElement)try{o=o.contentDocument.head}catch(n){o=null}r[n]=o}return r[n]}(n);if(!e)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");e.appendChild(o)}},540(n){n.exports=function(n){var r=document.createElement("style");return n.setAttributes(r,n.attributes),n.insert(r,n.options),r}},56(n,r,o){n.exports=function(n){var r=o.nc;r&&n.setAttribute("nonce",r)}},206(n){n.exports=function(n){if("u"<typeof document)return{update:function(){},remove:function(){}};var r=n.insertStyleElement(n);return{update:function(o){var e,t,i;e="",o.supports&&(e+="@supports (".concat(o.supports,") {")),o.media&&(e+="@media ".concat(o.media," {")),(t=void 0!==o.layer)&&(e+="@layer".concat(o.layer.length>0?" ".concat(o.layer):""," {")),e+=o.css,t&&(e+="}"),o.media&&(e+="}"),o.supports&&(e+="}"),(i=o.sourceMap)&&"u">typeof btoa&&(e+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(i))))," */")),n.styleTagTransform(e,r,n.options)},remove:function(){var n;null===(n=r).parentNode||n.parentNode.removeChild(n)}}}},113(n){n.exports=function(n,r){if(r.styleSheet)r.styleSheet.cssText=n;else{for(;r.firstChild;)r.removeChild(r.firstChild);r.appendChild(document.createTextNode(n))}}},579(n,r,o){var e=o(72),t=o.n(e),i=o(206),a=o.n(i),p=o(659),l=o.n(p),s=o(56),f=o.n(s),c=o(540),d=o.n(c),u=o(113),j=o.n(u),v=o(475),h={};h.styleTagTransform=j(),h.setAttributes=f(),h.insert=l().bind(null,"head"),h.domAPI=a(),h.insertStyleElement=d(),t()(v.A,h),v.A&&v.A.locals&&v.A.locals}}]);