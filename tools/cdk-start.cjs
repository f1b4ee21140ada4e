// Loads the CDK's command line with the code that V8 compiled of it in an earlier run. Node's own cache
// has only what is compiled when a file is loaded: of this one, 16 MB with a function for each module,
// next to nothing. tools/cdk loads it before the command line.
'use strict';

const fs = require('fs');
const Module = require('module');
const path = require('path');
const vm = require('vm');

const CODE = path.join('aws-cdk', 'lib', 'index.js');
const KEPT = path.join(__dirname, '..', '.cache', 'cdk-code');
const usual = Module._extensions['.js'];

Module._extensions['.js'] = function load(module, filename) {
  if (!filename.endsWith(CODE)) return usual(module, filename);
  Module._extensions['.js'] = usual;
  const kept = path.join(KEPT, nameOf(filename));
  const cachedData = read(kept);
  const script = new vm.Script(Module.wrap(fs.readFileSync(filename, 'utf8')), {
    filename,
    cachedData,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  if (!cachedData || script.cachedDataRejected) process.once('exit', () => keep(kept, script));
  const run = script.runInThisContext();
  const require = Module.createRequire(filename);
  run.call(module.exports, module.exports, require, module, filename, path.dirname(filename));
};

// V8 compares a source with its code by length alone: a file that was patched in place has another time.
function nameOf(filename) {
  const { ino, size, mtimeNs, ctimeNs } = fs.statSync(filename, { bigint: true });
  return [process.version, process.arch, size, mtimeNs, ctimeNs, ino].join('-');
}

function read(file) {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}

// It is a cache: where it cannot be written, the next start takes as long.
function keep(file, script) {
  const written = `${file}.${process.pid}`;
  try {
    fs.rmSync(KEPT, { recursive: true, force: true });
    fs.mkdirSync(KEPT, { recursive: true });
    fs.writeFileSync(written, script.createCachedData());
    fs.renameSync(written, file);
  } catch {
    fs.rmSync(written, { force: true });
  }
}
