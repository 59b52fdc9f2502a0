"""Python processes that start at once, forked from one that has imported the large libraries and done nothing else.

To import torch, transformers and spaCy takes longer than most commands do. A warm process has a memory, a folder, an
environment and an output of its own, and finds this package as a new one does: it is never imported beforehand. What it
shares with the others is what Python draws once for a process, the order of sets of strings; where that or the order of
imports matters, start a new process.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

LIBRARIES = ("spacy_transformers", "spacy.cli", "scipy.sparse", "tokenizers", "safetensors.torch", "tqdm")


class WarmPython:
    """Runs what ``python`` would be given, one process after the other."""

    def __init__(self):
        self._server = None

    def run(self, *arguments, cwd, env=None, timeout=240) -> subprocess.CompletedProcess:
        """Run ``-m MODULE``, ``-c CODE`` or a script, each with its arguments, and return its status and its output."""
        arguments = [str(argument) for argument in arguments]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", **(env or {})}
        if sys.platform != "linux":  # elsewhere, libraries do not bear a fork
            return subprocess.run(
                [sys.executable, *arguments], cwd=cwd, env=environment, timeout=timeout, capture_output=True, text=True
            )
        if self._server is None:
            command, pipe = [sys.executable, __file__], subprocess.PIPE
            server_environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
            self._server = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=server_environment)
        with tempfile.TemporaryDirectory() as folder:
            outputs = [Path(folder, name) for name in ("stdout", "stderr")]
            job = {"arguments": arguments, "cwd": str(cwd), "env": environment, "timeout": timeout}
            self._server.stdin.write(json.dumps(job | {"outputs": [str(path) for path in outputs]}) + "\n")
            self._server.stdin.flush()
            status = int(self._server.stdout.readline())
            printed = [path.read_text(encoding="utf-8") for path in outputs]
        if status == -signal.SIGALRM:
            raise subprocess.TimeoutExpired(arguments, timeout, *printed)
        return subprocess.CompletedProcess(arguments, status, *printed)

    def close(self):
        if self._server is not None:
            self._server.communicate()


def serve():
    """Fork a process for each job and tell the status it ends with; return the job in the process that is to do it."""
    for name in LIBRARIES:
        importlib.import_module(name)
    assert not any(name.partition(".")[0] == "spacy_biobert" for name in sys.modules)
    # Of what is here already, no process collects or clears anything: it would copy all the memory that it touches.
    gc.freeze()
    while line := sys.stdin.readline():
        process = os.fork()
        if process == 0:
            os.setpgid(0, 0)
            return json.loads(line)
        try:
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        finally:  # no process that it has started is left behind
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
        print(status, flush=True)
    return None


def settle(job):
    """Make this process what the job asks for, as if it had just been started."""
    signal.alarm(job["timeout"])
    for number, path in ((0, os.devnull), *enumerate(job["outputs"], start=1)):
        file = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    # Only Python's own generator is seeded anew by a fork.
    sys.modules["numpy"].random.seed()
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    # The first entry is the folder of this file.
    paths = [path for path in job["env"].get("PYTHONPATH", "").split(os.pathsep) if path and path not in sys.path]
    sys.path[:1] = paths


def work(arguments):
    """Do what ``python`` does with the arguments."""
    kind, *rest = arguments
    if kind == "-m":
        sys.path.insert(0, os.getcwd())
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        code, *rest = rest
        sys.path.insert(0, "")
        sys.argv = ["-c", *rest]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.path.insert(0, str(Path(kind).resolve().parent))
        sys.argv = arguments
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    if (todo := serve()) is not None:
        settle(todo)
        work(todo["arguments"])
