"""A cluster of worker processes on this machine."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

_PORT_TAKEN = ("Could not start gRPC server", "Address already in use", "address already in use")


def run_workers(arguments: Sequence[str | Path], workers: int = 2, seconds: float = 180) -> list[str]:
    """Run `python ARGUMENTS` in several processes that find each other through TF_CONFIG; return what each printed.

    They talk over free ports of 127.0.0.1 and use no GPU, for which they would compete. When one fails or the time is
    over, all are ended, and so they are when the call is interrupted.

    Args:
        arguments: what follows `python` on the command line, the same for all: `["-m", "package.module", "--option"]`.
        workers: how many processes.
        seconds: how long they may take in all.

    Raises:
        ValueError: workers is less than 1.
        RuntimeError: a process failed; the message ends with what it wrote last.
        TimeoutError: they did not end in time.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}.")
    end = time.monotonic() + seconds
    for attempt in range(3):
        try:
            return _run_once(arguments, _free_addresses(workers), end)
        except RuntimeError as error:  # between our look for free ports and its start another program can take one
            if attempt == 2 or not any(words in str(error) for words in _PORT_TAKEN):
                raise
    raise AssertionError("unreachable")


def _free_addresses(count: int) -> list[str]:
    """Return addresses of this machine with ports that nobody uses now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]


def _run_once(arguments: Sequence[str | Path], addresses: list[str], end: float) -> list[str]:
    command = [sys.executable, *map(str, arguments)]
    with ExitStack() as stack:
        outputs = [
            stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")) for _ in addresses
        ]
        errors = [
            stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")) for _ in addresses
        ]
        processes = []
        try:
            for index in range(len(addresses)):
                environment = _environment(addresses, index)
                files = {"stdout": outputs[index], "stderr": errors[index], "stdin": subprocess.DEVNULL}
                processes.append(subprocess.Popen(command, env=environment, **files))
            _wait(processes, errors, end)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        return [_text(output) for output in outputs]


def _environment(addresses: list[str], index: int) -> dict[str, str]:
    """Return the environment of one worker."""
    cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    own = {"TF_CONFIG": json.dumps(cluster), "PYTHONPATH": path, "PYTHONUTF8": "1"}
    return os.environ | own | {"CUDA_VISIBLE_DEVICES": "-1", "no_grpc_proxy": "127.0.0.1"}


def _wait(processes: list[subprocess.Popen], errors: list[IO[str]], end: float) -> None:
    """Return when all processes have ended well; raise as soon as one has not, or when the time is over."""
    while any((codes := [process.poll() for process in processes])[i] is None for i in range(len(processes))):
        if any(codes):
            break
        if time.monotonic() > end:
            raise TimeoutError(f"the workers did not end in time. Worker 0 wrote last: {_text(errors[0])[-1000:]}")
        time.sleep(0.05)
    failed = [index for index, process in enumerate(processes) if process.poll()]
    if failed:
        index = failed[0]
        wrote = _text(errors[index])[-4000:]
        raise RuntimeError(f"worker {index} ended with code {processes[index].returncode}. It wrote last:\n{wrote}")


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
