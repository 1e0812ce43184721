// Imports the client in a CPython without sockets, where no other of its version is at hand:
//
//   npm install pyodide@314.0.7
//   pip download --no-deps --dest wheels requests urllib3 idna certifi charset-normalizer \
//     --only-binary=:all: --platform any
//   node tests/pyodide.mjs client wheels
//
// It compiles every file, imports every module without warnings, and writes rows as the client sends them.
import { loadPyodide } from "pyodide";

const CHECK = `
import datetime, decimal, glob, importlib, pathlib, pkgutil, sys, warnings
sys.path[:0] = ["/client", *glob.glob("/wheels/*.whl")]
warnings.simplefilter("error")
for path in pathlib.Path("/client/manypages").rglob("*.py"):
    compile(path.read_text(), str(path), "exec")
import manypages
from manypages.rows import lines
for module in pkgutil.walk_packages(manypages.__path__, "manypages."):
    if not module.name.startswith("manypages.django"):
        importlib.import_module(module.name)
row = {"day": datetime.date(2026, 7, 1), "total": decimal.Decimal("9.50")}
assert b"".join(lines([row], None)) == b'{"day":"2026-07-01","total":"9.50"}\\n'
print("Python", sys.version.split()[0], "ok")
`;

const python = await loadPyodide();
for (const [name, folder] of [["/client", process.argv[2]], ["/wheels", process.argv[3]]]) {
  python.FS.mkdir(name);
  python.FS.mount(python.FS.filesystems.NODEFS, { root: folder }, name);
}
python.runPython(CHECK);
