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

from mos_helpers.arguments import check_number

PORT_TAKEN = ("Could not start gRPC server", "Address already in use", "address already in use")


def run_workers(arguments: Sequence[str | Path], workers: int = 2, seconds: float = 180) -> list[str]:
    """Run `python ARGUMENTS` in several processes that find each other through TF_CONFIG; return what each printed.

    They talk over free ports of 127.0.0.1 and use no GPU, for which they would compete. When one fails or the time is
    over, all are ended, and so they are when the call is interrupted.

    Args:
        arguments: what follows `python` on the command line, the same for all: `["-m", "package.module", "--option"]`.
        workers: how many processes, at least 1.
        seconds: how long they may take in all.

    Raises:
        RuntimeError: a process failed; the message ends with what it wrote last.
        TimeoutError: they did not end in time.
    """
    check_number("workers", workers, 1, whole=True)
    end = time.monotonic() + seconds
    for _ in range(2):
        try:
            return _run_once(arguments, workers, end)
        except RuntimeError as error:  # between our look for free ports and its start another program can take one
            if not any(words in str(error) for words in PORT_TAKEN):
                raise
    return _run_once(arguments, workers, end)


def _run_once(arguments: Sequence[str | Path], workers: int, end: float) -> list[str]:
    command = [sys.executable, *map(str, arguments)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        outputs = [folder / f"{index}.out" for index in range(workers)]
        errors = [folder / f"{index}.err" for index in range(workers)]
        processes = []
        for environment, output, error in zip(_environments(workers), outputs, errors, strict=True):
            files = {"stdout": stack.enter_context(output.open("wb")), "stderr": stack.enter_context(error.open("wb"))}
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, **files)
            stack.callback(process.wait)
            stack.callback(process.kill)
            processes.append(process)
        while not any(codes := [process.poll() for process in processes]) and None in codes:
            if time.monotonic() > end:
                raise TimeoutError(f"the workers did not end in time. Worker 0 wrote last: {_text(errors[0])[-1000:]}")
            time.sleep(0.05)
        for index, code in enumerate(codes):
            if code:
                wrote = _text(errors[index])[-4000:]
                raise RuntimeError(f"worker {index} ended with code {code}. It wrote last:\n{wrote}")
        return [_text(output) for output in outputs]


def _environments(workers: int) -> list[dict[str, str]]:
    """Return the environment of each worker, with addresses of this machine whose ports nobody uses now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(workers)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        cluster = {"worker": [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]}
    own = {"PYTHONUTF8": "1", "CUDA_VISIBLE_DEVICES": "-1", "no_grpc_proxy": "127.0.0.1"}
    tasks = [{"type": "worker", "index": index} for index in range(workers)]
    return [os.environ | own | {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})} for task in tasks]


def _text(file: Path) -> str:
    return file.read_text("utf-8", errors="replace")
