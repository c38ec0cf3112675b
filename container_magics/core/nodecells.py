"""The program that runs JavaScript cells in a container kernel, as text.

It runs in the image's own Node.js (14 or later), where nothing of ours is installed, and behaves as
the program in pythoncells.py does. Between two cells its event loop goes on, so what a cell has
left running does too.
"""

PROGRAM = r"""
(() => { // what is declared here is none of the cells' names
const fs = require("fs"), util = require("util"), vm = require("vm");
const [folder, key] = process.argv.slice(1);
const terminal = fs.openSync("/dev/tty", "r+");
const GS = "\x1d";
let errors = 2, count = 0;
globalThis.require = require;

function write(fd, text) {
  for (let data = Buffer.from(text); data.length > 0; ) {
    try { data = data.subarray(fs.writeSync(fd, data)); }
    catch (error) { if (error.code !== "EAGAIN") throw error; }
  }
}
process.stdout.write = (data) => { write(terminal, data); return true; };
process.stderr.write = (data) => { write(errors, data); return true; };
const say = (...parts) => write(terminal, GS + parts.join(GS));

function show(kind, found) {
  const path = `${folder}/shown-${process.pid}-${++count}`;
  fs.writeFileSync(path, JSON.stringify(found));
  say(key + "d" + kind, "", path, key + "z");
}

function bundle(value) {
  const found = { "text/plain": util.inspect(value) };
  const html = value !== null && typeof value === "object" && value._repr_html_;
  if (typeof html === "function") found["text/html"] = String(html.call(value));
  return found;
}

function evaluated(code) {
  const options = { filename: "cell", breakOnSigint: true };
  try {
    return vm.runInThisContext(code, options);
  } catch (error) {
    if (!(error instanceof SyntaxError) || !/\bawait\b/.test(code)) throw error;
    return vm.runInThisContext(`(async () => { ${code}\n})()`, options);
  }
}

async function run(code) {
  let stop;
  const stopped = new Promise((_, reject) => {
    stop = () => reject(Object.assign(new Error("The cell was stopped."), { status: 130 }));
  });
  process.once("SIGINT", stop);
  try {
    const value = await Promise.race([evaluated(code), stopped]);
    if (value !== undefined) show("result", bundle(value));
    return 0;
  } finally {
    process.removeListener("SIGINT", stop);
  }
}

// Node.js 18 may drop the signal that comes as breakOnSigint ends, and then takes the next code
// that runs for long for interrupted. So there is some such code.
async function settle() {
  const code = "for (const end = Date.now() + 50; Date.now() < end; );";
  try { vm.runInThisContext(code, { breakOnSigint: true }); } catch {}
  await new Promise(setImmediate); // a second signal's turn, while nothing listens
  return 130;
}

async function told(error) {
  if (error && error.status === 130) return settle();
  if (error && error.code === "ERR_SCRIPT_EXECUTION_INTERRUPTED") return settle();
  const known = error instanceof Error || (error && error.stack);
  const lines = known ? String(error.stack).split("\n") : [`Uncaught ${util.inspect(error)}`];
  const own = lines.findIndex((line) => /node:|\[eval\]/.test(line));
  show("error", {
    ename: known ? error.name : "Uncaught",
    evalue: known ? String(error.message) : util.inspect(error),
    traceback: own > 0 ? lines.slice(0, own) : lines,
  });
  return 1;
}

async function cell(number, way) {
  if (errors !== 2) fs.closeSync(errors);
  errors = fs.openSync(way, "w");
  say(number + "b");
  let status = 0;
  try { status = await run(fs.readFileSync(folder + "/cell", "utf8")); }
  catch (error) { status = await told(error); }
  let where = "";
  try { where = process.cwd(); } catch {} // the folder may be gone
  say(`${number}e${status}`, where, number + "z");
  write(errors, `${GS}${number}b`);
}

globalThis.display = (...values) => values.forEach((value) => show("bundle", bundle(value)));
globalThis.clear = () => say(key + "dclear", "", "", key + "z");
const cells = {
  value: (path) => {
    try { return vm.runInThisContext(path); } catch { return undefined; }
  },
  complete: (code, cursor) => {
    const word = /[\w$.]*$/.exec(code.slice(0, cursor))[0];
    const dot = word.lastIndexOf("."), start = word.slice(dot + 1), names = new Set();
    let of = dot < 0 ? globalThis : cells.value(word.slice(0, dot));
    for (; of !== undefined && of !== null; of = Object.getPrototypeOf(of))
      Object.getOwnPropertyNames(of).forEach((name) => names.add(name));
    for (const name of names)
      if (/^[A-Za-z_$][\w$]*$/.test(name) && name.startsWith(start))
        console.log(word.slice(0, dot + 1) + name);
  },
  completeness: (code) => {
    try { new vm.Script(code); console.log("complete"); }
    catch (error) {
      const ends = /Unexpected end of input|Unterminated template|missing \) after/;
      const waits = /\bawait\b/;
      console.log(ends.test(error.message) ? "incomplete"
        : waits.test(error.message) ? "complete" : "invalid");
    }
  },
  inspect: (word) => {
    const value = cells.value(word);
    if (value === undefined) return;
    console.log(`${word}: ${typeof value}`);
    console.log(typeof value === "function" ? String(value).slice(0, 2000) : util.inspect(value));
  },
};
Object.defineProperty(globalThis, "__cells__", { value: cells });
process.on("SIGINT", () => {});
process.on("uncaughtException", (error) => console.error(error));

const line = Buffer.alloc(4096);
(function next() {
  fs.read(terminal, line, 0, line.length, null, (error, length) => {
    if (error || !length) process.exit(0);
    cell(...line.toString("utf8", 0, length).trim().split(" ")).then(next);
  });
})();
})();
"""
