// Writes the digest of every source of the built front end beside it, so that a test can see when they part.

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { jupyterlab } = JSON.parse(readFileSync('package.json', 'utf8'));
const folders = ['src', 'style'].flatMap(folder =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
);
const sources = ['package.json', 'tsconfig.json', 'yarn.lock', ...folders].sort();
const digests = Object.fromEntries(
  sources.map(path => [path, createHash('sha256').update(readFileSync(path)).digest('hex')])
);
writeFileSync(
  join(jupyterlab.outputDir, 'static', 'sources.json'),
  JSON.stringify(digests, null, 2) + '\n'
);
