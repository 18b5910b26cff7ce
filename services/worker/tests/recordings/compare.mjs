// Draws each recording twice with the browser's emulator, once from its start and once from a snapshot on,
// and prints where the two differ. Arguments: the directory of the web's packages, and a file with the
// cases: [{name, recording, snapshot, offset, cols, rows}], `recording` and `snapshot` being paths.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [modules, cases] = process.argv.slice(2);
const require = createRequire(`${modules}/package.json`);
const { Terminal } = require('@xterm/headless');
const { registerUnicode } = await source('packages/client/src/widths.ts');

/** A module of the web's packages, from its source: nothing has to be built first. */
async function source(file) {
  const options = { entryPoints: [`${modules}/${file}`], bundle: true, format: 'esm', write: false };
  const [{ text }] = require('esbuild').buildSync(options).outputFiles;
  return import(`data:text/javascript,${encodeURIComponent(text)}`);
}

function terminal(cols, rows) {
  const terminal = new Terminal({ cols, rows, allowProposedApi: true, scrollback: 1000 });
  registerUnicode(terminal);
  return terminal;
}

const draw = (terminal, bytes) => new Promise((done) => terminal.write(bytes, done));

function cell(cell) {
  const style = [
    cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor(), cell.isBold(),
    cell.isDim(), cell.isItalic(), cell.isUnderline(), cell.isInverse(), cell.isInvisible(),
    cell.isStrikethrough(),
  ];
  return `${cell.getChars() || ' '} ${style.map(Number).join(',')}`;
}

function state(terminal) {
  const buffer = terminal.buffer.active;
  const state = { type: buffer.type, cursor: `${buffer.cursorY},${buffer.cursorX}`, modes: terminal.modes };
  for (let row = 0; row < terminal.rows; row++) {
    const line = buffer.getLine(buffer.baseY + row);
    for (let column = 0; column < terminal.cols; column++) {
      state[`${row},${column}`] = cell(line.getCell(column));
    }
  }
  return state;
}

/** After how many bytes from a snapshot on the two are compared: programs draw over what is wrong. */
const LATER = [0, 300, 3000, Infinity];

let failed = false;
for (const { name, recording, snapshot, offset, cols, rows } of JSON.parse(readFileSync(cases, 'utf8'))) {
  const bytes = readFileSync(recording);
  const [whole, resumed] = [terminal(cols, rows), terminal(cols, rows)];
  await draw(whole, bytes.subarray(0, offset));
  await draw(resumed, readFileSync(snapshot));
  let from = offset;
  for (const later of LATER) {
    const to = Math.min(offset + later, bytes.length);
    for (const terminal of [whole, resumed]) await draw(terminal, bytes.subarray(from, to));
    from = to;
    const [expected, found] = [state(whole), state(resumed)];
    const differences = Object.keys(expected).filter(
      (key) => JSON.stringify(expected[key]) !== JSON.stringify(found[key]),
    );
    for (const key of differences.slice(0, 5)) {
      failed = true;
      console.log(name, offset, to, key, JSON.stringify(expected[key]), JSON.stringify(found[key]));
    }
  }
}
process.exit(failed ? 1 : 0);
