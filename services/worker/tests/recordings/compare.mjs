// Draws each recording twice with the browser's emulator, once from its start and once from a snapshot on,
// and prints where the two differ. Arguments: the directory whose node_modules has @xterm/headless, and a
// file with the cases: [{name, recording, snapshot, offset, cols, rows}], `recording` and `snapshot` being
// paths.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [modules, cases] = process.argv.slice(2);
const { Terminal } = createRequire(`${modules}/package.json`)('@xterm/headless');

async function draw(cols, rows, ...parts) {
  const terminal = new Terminal({ cols, rows, allowProposedApi: true, scrollback: 1000 });
  for (const part of parts) await new Promise((done) => terminal.write(part, done));
  return terminal;
}

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

let failed = false;
for (const { name, recording, snapshot, offset, cols, rows } of JSON.parse(readFileSync(cases, 'utf8'))) {
  const bytes = readFileSync(recording);
  const whole = state(await draw(cols, rows, bytes));
  const resumed = state(await draw(cols, rows, readFileSync(snapshot), bytes.subarray(offset)));
  const differences = Object.keys(whole).filter(
    (key) => JSON.stringify(whole[key]) !== JSON.stringify(resumed[key]),
  );
  for (const key of differences.slice(0, 5)) {
    failed = true;
    console.log(name, offset, key, JSON.stringify(whole[key]), JSON.stringify(resumed[key]));
  }
}
process.exit(failed ? 1 : 0);
