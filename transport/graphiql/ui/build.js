// Builds the page into ../dist. The same sources and lock file give the same
// bytes, on any machine: CI builds it again and compares.
import { build } from 'esbuild';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

process.chdir(import.meta.dirname);
const dist = '../dist';
const assets = '/graphiql/assets/';

const common = {
  bundle: true,
  minify: true,
  metafile: true,
  legalComments: 'none', // licenses.txt has them all
  target: 'es2022',
  outdir: `${dist}/assets`,
  entryNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'warning',
};

rmSync(dist, { recursive: true, force: true });

const workers = await build({
  ...common,
  format: 'iife',
  entryPoints: {
    'json.worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
    'graphql.worker': 'monaco-graphql/esm/graphql.worker.js',
    'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
  },
});

const page = await build({
  ...common,
  format: 'esm',
  keepNames: true, // GraphiQL makes its icons' titles from function names
  jsx: 'automatic',
  loader: { '.graphql': 'text', '.ttf': 'file', '.svg': 'copy' },
  alias: {
    'prettier/plugins/estree': './src/prettier_json.js',
    'prettier/parser-babel': './src/prettier_json.js',
  },
  entryPoints: ['src/main.jsx', 'src/icon.svg'],
  define: {
    ...common.define,
    WORKERS: JSON.stringify({
      json: built(workers, /^json\.worker-.*\.js$/),
      graphql: built(workers, /^graphql\.worker-.*\.js$/),
      editor: built(workers, /^editor\.worker-.*\.js$/),
    }),
  },
});

const html = readFileSync('src/index.html', 'utf8')
  .replace('{{script}}', built(page, /^main-.*\.js$/))
  .replace('{{style}}', built(page, /^main-.*\.css$/))
  .replace('{{icon}}', built(page, /^icon-.*\.svg$/));
writeFileSync(`${dist}/index.html`, html);
writeFileSync(`${dist}/licenses.txt`, licenses([workers, page]));

// built returns the address of the one output whose name matches.
function built(result, pattern) {
  const names = Object.keys(result.metafile.outputs).map((path) => basename(path)).filter((name) => pattern.test(name));
  if (names.length !== 1) throw new Error(`${pattern} matches ${names.length} outputs`);
  return assets + names[0];
}

// licenses returns the licence texts of every package with a file in the bundles.
function licenses(results) {
  const folders = new Set();
  for (const { metafile } of results) {
    for (const path of Object.keys(metafile.inputs)) {
      const folder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
      if (folder) folders.add(folder);
    }
  }
  return [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
    const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|thirdpartynotices)(\.|$)/i.test(file)).sort();
    const texts = files.map((file) => readFileSync(`${folder}/${file}`, 'utf8').replaceAll('\r\n', '\n').trim());
    return [`## ${name} ${version} (${license})`, ...texts].join('\n\n');
  }).join('\n\n\n') + '\n';
}
