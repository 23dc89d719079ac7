"""Makes `import jittor` work: offline, in any environment, with MPI, with clean exits.

`prepare()` is called by the rooms that need Jittor. It costs nothing by itself: it puts a finder in front of Python's
own, and what is described here happens when `jittor` is first imported, by whomever.

Before Jittor runs (a variable that the user has set stays):
- oneDNN comes from the wheel `onednn-devel-cpu-gomp`; Jittor would download it.
- A `python-config` is written, since a virtual environment has none and Jittor may take another Python's.
- CUDA is switched off, with one line, when the toolkit that Jittor would find can't work; Jittor would die.
- OpenMP's threads are shared out over the MPI ranks of a host, and wait passively (0.85 s instead of 3.8 s a training
  step where other work runs beside it).
- MPI's operators are built only under `mpirun`, with the `mpicc` of this environment.
- Jittor's log is quiet; the first import, which compiles for minutes, says so in one line.

After it: Ctrl-C raises KeyboardInterrupt again (Jittor exits on the spot), the end of a child process is no longer the
end of this one, a crash is (Jittor's handler may wait for ever, with a lock that all its processes need), Jittor's
compiler threads take turns, its pool of compiler processes is ended, and TLS certificates are checked again.
"""

import atexit
import ctypes.util
import faulthandler
import hashlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import platform
import shlex
import shutil
import signal
import ssl
import stat
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import DependencyError
from .compiler_threads import take_turns
from .mpi_environment import rank, share_of_cores
from .system import missing_for_jittor

# What Jittor's own download would be called; its folder is looked for before anything is downloaded.
_ONEDNN_FOLDER = "dnnl_lnx_2.2.0_cpu_gomp"
_ONEDNN_WHEEL = "onednn-devel-cpu-gomp"
# At these Jittor ends the process, in ways of its own.
_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
_CUDA_HEADERS = ("cuda_runtime.h", "cublas_v2.h", "cudnn.h", "curand.h", "cufft.h", "cusparse.h")
_CUDA_LIBRARIES = ("libcublas.so", "libcudnn_ops_infer.so", "libcurand.so", "libcufft.so", "libcusparse.so")


def prepare() -> None:
    """Arrange that the first `import jittor` of this process works. Does nothing where Jittor is not installed."""
    if "jittor" in sys.modules or any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    if importlib.util.find_spec("jittor") is None:
        return
    sys.meta_path.insert(0, _Finder())


def threads() -> int:
    """OpenMP threads of this process; known once Jittor is imported."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]  # "4,2": two levels, of which Jittor has one
    return int(first) if first.isdigit() else len(os.sched_getaffinity(0))


def without_cuda() -> None:
    """Let the first `import jittor` not look for CUDA, and say nothing of it: for work that the CPU does."""
    os.environ["nvcc_path"] = ""


class _Finder(importlib.abc.MetaPathFinder):
    """Finds `jittor` where it is, and wraps its loader."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "jittor":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader) -> None:
        self.loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        with _put_right():
            _arrange()
            self.loader.exec_module(module)
            take_turns(module)


def _say(line: str) -> None:
    if rank() == 0:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _arrange() -> None:
    _check_compiler()
    environment = {
        "log_silent": "1",
        # Jittor would name its cache after the git branch that this environment happens to lie in.
        "cache_name": "default",
        "OMP_WAIT_POLICY": "passive",
        "use_mpi": "1" if "OMPI_COMM_WORLD_SIZE" in os.environ else "0",
        # Both would be downloaded, and nothing here needs them.
        "use_cutt": "0",
        "use_cutlass": "0",
        "FIX_TORCH_ERROR": "0",
    }
    for name, value in environment.items():
        os.environ.setdefault(name, value)
    if not os.environ.get("OMP_NUM_THREADS"):
        os.environ["OMP_NUM_THREADS"] = str(share_of_cores())
    if os.environ["use_mpi"] == "1":
        scripts = sysconfig.get_path("scripts")
        os.environ["PATH"] = os.pathsep.join([scripts, os.environ.get("PATH", "")])

    import jittor_utils

    cache = Path(jittor_utils.home()) / ".cache" / "jittor"
    if "python_config_path" not in os.environ:
        os.environ["python_config_path"] = str(_write_python_config(cache / "sface"))
    _provide_onednn(cache / "mkl" / _ONEDNN_FOLDER)
    if "nvcc_path" not in os.environ and (reason := why_no_cuda()) is not None:
        os.environ["nvcc_path"] = ""
        if reason:
            _say(f"CUDA off: {reason}")
    if not any(Path(jittor_utils.cache_path).rglob("jittor_core*.so")):
        _say("compiling Jittor's core, once, about 3 minutes")
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # too long to wait for


@contextmanager
def _put_right() -> Iterator[None]:
    """Put right, after the import, what Jittor changes in the whole process."""
    https_context = ssl._create_default_https_context
    in_main_thread = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in _SIGNALS} if in_main_thread else {}
    # Jittor's own handler would end the process with code 1: Ctrl-C waits for the second that an import takes.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    except SystemExit:
        # Jittor's way to say that it was last built with other flags, and has now built one part anew.
        raise DependencyError("Jittor has rebuilt a part of itself", remedy="run the command again") from None
    finally:
        ssl._create_default_https_context = https_context
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if in_main_thread:
            faulthandler.disable()  # it does not know that its handlers are gone
            faulthandler.enable(2)
        _end_compiler_processes()
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _end_compiler_processes() -> None:
    jittor_utils: Any = sys.modules.get("jittor_utils")  # not there where the import failed early
    if jittor_utils is not None and getattr(jittor_utils, "pool_size", None):
        jittor_utils.p.terminate()
        jittor_utils.p.join()
        jittor_utils.pool_size = 0
        atexit.unregister(jittor_utils.pool_cleanup)


def _check_compiler() -> None:
    if missing := missing_for_jittor():
        raise DependencyError(
            "Jittor compiles its operators, and this machine lacks what that takes; "
            f"on Debian or Ubuntu: apt-get install {' '.join(missing)}"
        )


def _write_python_config(folder: Path) -> Path:
    """A script that answers what Jittor asks `python3.x-config`: --includes and --extension-suffix."""
    answers = {
        "--includes": f"-I{sysconfig.get_path('include')} -I{sysconfig.get_path('platinclude')}",
        "--extension-suffix": str(sysconfig.get_config_var("EXT_SUFFIX")),
    }
    cases = "\n".join(f"  {option}) echo {shlex.quote(answer)} ;;" for option, answer in answers.items())
    text = f'#!/bin/sh\ncase "$1" in\n{cases}\n  *) exit 1 ;;\nesac\n'
    script = folder / f"python{platform.python_version()}-config-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if not script.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(name).chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        Path(name).replace(script)
    return script


def _provide_onednn(folder: Path) -> None:
    """Link the wheel's oneDNN to where Jittor looks for its download. Links of a deleted environment are mended."""
    library = folder / "lib" / "libmkldnn.so"
    if os.environ.get("use_mkl") == "0" or (library.is_file() and not library.is_symlink()):
        return
    found = _onednn_from_wheel()
    if found is None:
        os.environ["use_mkl"] = "0"
        _say(f"oneDNN off, convolutions will be slow: there is no package {_ONEDNN_WHEEL} in this environment")
        return
    include, shared_object = found
    (folder / "lib").mkdir(parents=True, exist_ok=True)
    _link(folder / "include", include)
    for name in ("libmkldnn.so", "libdnnl.so", "libdnnl.so.2"):
        _link(folder / "lib" / name, shared_object)


def _onednn_from_wheel() -> tuple[Path, Path] | None:
    """Folder of headers and shared library of the oneDNN wheels, which lie outside site-packages."""
    found = {}
    for distribution, ending in ((_ONEDNN_WHEEL, "/include/dnnl.h"), ("onednn-cpu-gomp", "/libdnnl.so.2")):
        try:
            files = importlib.metadata.files(distribution) or []
        except importlib.metadata.PackageNotFoundError:
            return None
        places = [Path(str(file.locate())).resolve() for file in files if file.as_posix().endswith(ending)]
        if not places or not places[0].exists():
            return None
        found[ending] = places[0]
    return found["/include/dnnl.h"].parent, found["/libdnnl.so.2"]


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.resolve() == target:
        return
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.symlink_to(target)
    temporary.replace(link)


def why_no_cuda() -> str | None:
    """None when Jittor can use CUDA here; else why not, for people ("" when there is neither toolkit nor GPU)."""
    found = shutil.which("nvcc") or next(
        (path for path in ("/usr/local/cuda/bin/nvcc", "/usr/bin/nvcc", "/opt/cuda/bin/nvcc") if Path(path).is_file()),
        None,
    )
    driver = ctypes.util.find_library("cuda")
    if found is None:
        return "there is an NVIDIA driver, but no nvcc on PATH; Jittor needs the CUDA toolkit" if driver else ""
    if driver is None:
        return f"{found} is there, but no NVIDIA driver"
    toolkit = Path(found).resolve().parent.parent
    places = [toolkit / part for part in ("include", "lib64", "lib", "targets/x86_64-linux/include")]
    places += [Path("/usr/include"), Path("/usr/include/x86_64-linux-gnu"), Path("/usr/lib/x86_64-linux-gnu")]
    missing = [name for name in _CUDA_HEADERS + _CUDA_LIBRARIES if not any((place / name).exists() for place in places)]
    if missing:
        return f"the toolkit of {found} lacks {', '.join(missing)}; docs/train.md says how to make one for Jittor"
    return None
