"""Jittor made to work: what is arranged before its import, and put right after it."""

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from sface.errors import DependencyError
from sface.runtime import jittor_setup as runtime
from sface.runtime.system import missing_for_jittor, missing_for_opencv

pytestmark = pytest.mark.jittor


def python(code: str, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh process, behind `command` if there is one."""
    return subprocess.run(
        [*command, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name not in OURS} | environment,
    )


# What prepare() has set in this process, and must set anew in another.
OURS = {
    *("nvcc_path", "cc_path", "python_config_path", "use_mpi", "use_mkl", "log_silent"),
    *("OMP_NUM_THREADS", "OMP_WAIT_POLICY"),
}
ENVIRONMENT = "import os; print({k: os.environ.get(k) for k in ('OMP_NUM_THREADS', 'OMP_WAIT_POLICY', 'use_mpi')})"


def test_a_plain_import_works_after_importing_a_room_that_needs_it() -> None:
    done = python("import sface.train, sys; assert 'jittor' not in sys.modules; import jittor; print(jittor.ones(2))")
    assert done.returncode == 0, done.stderr
    assert "jt.Var([1. 1.]" in done.stdout
    # One line for CUDA where there is a toolkit that can't work, and Jittor's progress; its own log is quiet.
    lines = [line.strip() for line in done.stderr.splitlines() if not line.startswith("CUDA off: ")]
    assert all(not line or line.startswith("Compiling Operators") for line in lines), done.stderr


def test_without_network() -> None:
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let a process give up its network")
    code = (
        "import sface.models, jittor; from jittor import nn; print(nn.Conv(3, 4, 3)(jittor.ones((1, 3, 8, 8))).shape)"
    )
    done = python(code, "unshare", "-rn")
    assert done.returncode == 0, done.stderr
    assert "[1,4,6,6,]" in done.stdout


def test_convolutions_run_in_onednn() -> None:
    done = python("import sface.models, jittor; print(jittor.compile_extern.mkl_ops is not None)")
    assert done.stdout == "True\n", done.stderr


def test_where_jittor_is_not_installed_nothing_happens() -> None:
    code = (
        "import sys, importlib.util\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'jittor' else real(name, *a)\n"
        "before = list(sys.meta_path)\n"
        "import sface.runtime.jittor_setup; sface.runtime.jittor_setup.prepare()\n"
        "assert sys.meta_path == before\n"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_ctrl_c_and_the_end_of_a_child() -> None:
    """Jittor alone would end the process on the spot in both cases."""
    code = (
        "import sface.models, jittor, os, signal, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '60']); child.kill(); child.wait(); time.sleep(0.2)\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT); time.sleep(1)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    done = python(code)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


def test_a_crash_says_where_and_ends_the_process_by_its_signal() -> None:
    """Jittor alone would try to end it in an orderly way, for which it may wait for ever."""
    done = python("import sface.models, jittor, os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    assert done.returncode == -signal.SIGSEGV
    assert 'File "<string>", line 2 in <module>' in done.stderr


def test_certificates_are_checked_again() -> None:
    code = "import sface.models, jittor, ssl; print(ssl._create_default_https_context is ssl.create_default_context)"
    assert python(code).stdout == "True\n"


def test_threads_wait_passively_and_the_users_number_stands() -> None:
    code = "import sface.models, jittor; " + ENVIRONMENT
    cores = len(os.sched_getaffinity(0))
    assert f"'OMP_NUM_THREADS': '{cores}', 'OMP_WAIT_POLICY': 'passive', 'use_mpi': '0'" in python(code).stdout
    assert "'OMP_NUM_THREADS': '1'" in python(code, OMP_NUM_THREADS="1").stdout


@pytest.mark.parametrize(("text", "threads"), [("3", 3), ("4,2", 4)])
def test_threads_as_openmp_reads_them(text: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert runtime.threads() == threads


def test_python_config(tmp_path: Path) -> None:
    script = runtime._write_python_config(tmp_path)

    def ask(option: str) -> str:
        return subprocess.run([str(script), option], capture_output=True, text=True, check=True).stdout.strip()

    assert ask("--extension-suffix") == sysconfig.get_config_var("EXT_SUFFIX")
    assert (Path(ask("--includes").split()[0].removeprefix("-I")) / "Python.h").is_file()


def test_onednn_is_linked_and_dangling_links_are_mended(tmp_path: Path) -> None:
    folder = tmp_path / "dnnl"
    runtime._provide_onednn(folder)
    assert (folder / "include" / "dnnl.h").is_file()
    library = folder / "lib" / "libmkldnn.so"
    right = library.resolve()
    library.unlink()
    library.symlink_to(tmp_path / "gone")
    runtime._provide_onednn(folder)
    assert library.resolve() == right
    assert library.is_file()


def test_a_downloaded_onednn_is_left_alone(tmp_path: Path) -> None:
    library = tmp_path / "lib" / "libmkldnn.so"
    library.parent.mkdir()
    library.write_bytes(b"theirs")
    runtime._provide_onednn(tmp_path)
    assert library.read_bytes() == b"theirs"
    assert not (tmp_path / "include").exists()


def test_a_toolkit_that_lacks_libraries_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nvcc = tmp_path / "bin" / "nvcc"
    nvcc.parent.mkdir()
    nvcc.write_text("#!/bin/sh\n")
    nvcc.chmod(0o755)
    monkeypatch.setenv("PATH", str(nvcc.parent), prepend=os.pathsep)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    assert runtime.why_no_cuda() == f"{nvcc} is there, but no NVIDIA driver"
    monkeypatch.setattr("ctypes.util.find_library", lambda name: "libcuda.so.1")
    reason = runtime.why_no_cuda()
    assert reason is not None
    assert f"the toolkit of {nvcc} lacks" in reason
    assert "libcudnn_ops_infer.so" in reason


def test_missing_system_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert missing_for_jittor() == []
    assert missing_for_opencv() == []
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("cc_path", raising=False)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(DependencyError, match=r"apt-get install g\+\+ python3-dev"):
        runtime._arrange()


def test_no_compiler_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "step-00000001").mkdir()
    code = "import sys; from sface.cli.dispatch import main; sys.exit(main(['export', 'run', '-o', 'm.onnx']))"
    done = python(code, PATH=str(tmp_path))
    assert done.returncode == 6
    assert done.stderr.splitlines() == [
        "error: Jittor compiles its operators, and this machine lacks what that takes; "
        "on Debian or Ubuntu: apt-get install g++"
    ]


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.5])
def test_an_interrupt_while_jittor_is_imported(seconds: float) -> None:
    """Jittor's own handler would end the process with code 1."""
    done = python(
        "import subprocess, sface.models, time\n"
        f"subprocess.Popen('sleep {seconds}; kill -INT $PPID', shell=True)\n"
        "import jittor\n"
        "time.sleep(1)"
    )
    assert done.returncode == -signal.SIGINT, done.stderr
    assert "KeyboardInterrupt" in done.stderr
