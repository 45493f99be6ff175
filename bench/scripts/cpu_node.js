// Runs a script as often as asked, each time as a fresh text, and prints its value and the milliseconds of each run.
'use strict';

const fs = require('node:fs');
const vm = require('node:vm');

const [file, times] = process.argv.slice(2);
const code = fs.readFileSync(file, 'utf8');
const took = [];
let value;
for (let run = 0; run < Number(times); run++) {
  const context = vm.createContext();
  const began = performance.now();
  value = vm.runInContext(code, context, { filename: file });
  took.push(performance.now() - began);
}
console.log(JSON.stringify({ value, took }));
