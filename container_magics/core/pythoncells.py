"""The program that runs Python cells in a container kernel, as text.

It runs in the image's own Python (3.7 or later), where nothing of ours is installed.

Its arguments are the kernel's folder and the key of what is shown. It reads a line for each cell,
with a number and the path for stderr, and says by the marks of cellprotocol.py when that one begins
and ends. A value is shown as a file of JSON: from MIME type to text, or base64 for a picture.
"""

PROGRAM = r'''
import ast, base64, builtins, codeop, itertools, json, linecache, os, re, sys, traceback

folder, key = sys.argv[1:3]
sys.argv[:] = [""]
terminal = os.open("/dev/tty", os.O_RDWR)
names = {"__name__": "__main__", "__builtins__": builtins}
count = itertools.count(1)
TYPES = [("html", "text/html"), ("markdown", "text/markdown"), ("svg", "image/svg+xml"),
         ("png", "image/png"), ("jpeg", "image/jpeg"), ("latex", "text/latex"),
         ("json", "application/json")]


def say(*parts):
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass
    os.write(terminal, b"\x1d" + b"\x1d".join(part.encode() for part in parts))


def bundle(value):
    found = {"text/plain": repr(value)}
    for name, mime in TYPES:
        method = None if isinstance(value, type) else getattr(value, "_repr_%s_" % name, None)
        shown = method() if callable(method) else None
        if isinstance(shown, tuple):
            shown = shown[0]
        if isinstance(shown, bytes):
            shown = base64.b64encode(shown).decode()
        if shown is not None:
            found[mime] = shown
    return found


def show(kind, found):
    path = "%s/shown-%d-%d" % (folder, os.getpid(), next(count))
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(found, file)
    say(key + "d" + kind, "", path, key + "z")


def display(*values):
    """Show values as richly as the notebook can."""
    for value in values:
        show("bundle", bundle(value))


def clear():
    """Take away what the cell has shown so far."""
    say(key + "dclear", "", "", key + "z")


class Cells:
    def complete(self, code, cursor):
        import rlcompleter
        word = re.search(r"[\w.]*\Z", code[:cursor]).group()
        completer = rlcompleter.Completer(names)
        for state in itertools.count():
            match = completer.complete(word, state) if word else None
            if match is None:
                break
            print(match.rstrip("( )"))

    def completeness(self, code):
        try:
            found = codeop.compile_command(code, "cell", "exec")
        except (SyntaxError, ValueError, OverflowError):
            print("invalid")
            return
        last = code.rsplit("\n", 1)[-1]
        open_block = last.strip() and last[:1].isspace()
        print("incomplete" if found is None or open_block else "complete")

    def inspect(self, word):
        import inspect
        value = names
        try:
            for place, part in enumerate(word.split(".")):
                if place:
                    value = getattr(value, part)
                else:
                    value = names[part] if part in names else getattr(builtins, part)
        except (KeyError, AttributeError):
            return
        try:
            print(word + str(inspect.signature(value)))
        except (TypeError, ValueError):
            print("%s: %s" % (word, type(value).__name__))
        print(inspect.getdoc(value) or repr(value))


def run(source):
    linecache.cache["cell"] = (len(source), None, source.splitlines(True), "cell")
    tree = ast.parse(source, "cell")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        if value is not None:
            names["_"] = value
            show("result", bundle(value))


def cell(number, way):
    for stream in range(3):  # the cell before may have closed them
        os.dup2(terminal, stream)
    errors = os.open(way, os.O_WRONLY)
    os.dup2(errors, 2)
    say(number + "b")
    status = 0
    try:
        with open(folder + "/cell", encoding="utf-8", errors="surrogateescape") as file:
            run(file.read())
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException as error:
        status = 130 if isinstance(error, KeyboardInterrupt) else 1
        frames = error.__traceback__
        while frames and frames.tb_frame.f_code.co_filename != "cell":
            frames = frames.tb_next
        lines = traceback.format_exception(type(error), error, frames)
        show("error", {"ename": type(error).__name__, "evalue": str(error),
                       "traceback": "".join(lines).splitlines()})
    try:
        where = os.getcwd()
    except OSError:
        where = ""
    say("%se%d" % (number, status & 255), where, number + "z")
    os.write(errors, ("\x1d" + number + "b").encode())
    os.close(errors)


builtins.__cells__, names["display"], names["clear"] = Cells(), display, clear
while True:
    try:
        line = os.read(terminal, 4096)
        if not line:
            break
        cell(*line.decode().split())
    except KeyboardInterrupt:
        pass
    except OSError:
        break
'''
