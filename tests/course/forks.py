"""Processes for the tests that start in a tenth of a second: forks of one that has imported TensorFlow.

Importing TensorFlow takes a process longer than most exercises. On Linux conftest.py runs `serve` once, and has every
test process and every kernel started by this file: it asks the server for a fork, and lives as long as it. A fork has
everything of a new process (memory, folder, environment) but the import; it ends a moment after a killed client.

    python tests/course/forks.py ADDRESS IMPORTS              serve
    python tests/course/forks.py ADDRESS -m MODULE ARGUMENTS  what python -m MODULE ARGUMENTS does, in a fork
    python tests/course/forks.py ADDRESS -c CODE              what python -c CODE does, in a fork
"""

import array
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from itertools import dropwhile
from pathlib import Path
from types import ModuleType
from typing import NoReturn


def serve(address: str, imports: str) -> None:
    """Fork a process for each client, until standard input is closed; the first client waits for the imports."""
    with socket.socket(socket.AF_UNIX) as server, selectors.DefaultSelector() as selector:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        selector.register(server, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        settings = None
        while sys.stdin not in [key.fileobj for key, _ in selector.select()]:
            if settings is None:
                settings = prepare(imports)
            client, _ = server.accept()
            if os.fork() == 0:
                server.close()
                become(client, settings)
            client.close()
    with suppress(ChildProcessError):
        while True:
            os.wait()


def prepare(imports: str) -> dict[str, str]:
    """Import what the notebooks and their kernels import; return the environment variables that this sets."""
    before = dict(os.environ)
    exec(imports)
    import ipykernel.debugger
    import ipykernel.kernelapp  # noqa: F401

    gc.collect()
    gc.freeze()  # so that no later collection writes to the memory that forks share
    signal.signal(signal.SIGCHLD, clear_away)
    return {name: value for name, value in os.environ.items() if name not in before}


def clear_away(*_: object) -> None:
    """Wait for processes that have ended, so that their processor time counts as this one's."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def become(client: socket.socket, settings: dict[str, str]) -> NoReturn:
    """Take over the client's folder, environment and streams, and run what it was to run."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    message, streams, _, _ = socket.recv_fds(client, 2**20, 3)
    wanted = json.loads(message)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.environ.clear()
    os.environ.update(settings | wanted["environment"])
    os.chdir(wanted["folder"])
    sys.path[:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))  # in place of this file's folder
    client.sendall(array.array("i", [os.getpid()]).tobytes())
    threading.Thread(target=end_with, args=[client], daemon=True).start()
    option, what, *rest = dropwhile({"-u", "-B"}.__contains__, wanted["arguments"])
    sys.argv = [option, *rest]
    code = 1
    try:
        if option == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            sys.modules["__main__"] = ModuleType("__main__")
            exec(what, vars(sys.modules["__main__"]))
        code = 0
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException:
        traceback.print_exc()
    client.sendall(bytes([code]))
    sys.exit(code)


def end_with(client: socket.socket) -> None:
    """End this process when its client is gone."""
    client.recv(1)
    os._exit(1)


def ask(address: str, arguments: list[str]) -> int:
    """Ask for a fork, hand it the signals that Jupyter sends, and return its exit code when it ends."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        wanted = {"environment": dict(os.environ), "folder": str(Path.cwd()), "arguments": arguments}
        socket.send_fds(server, [json.dumps(wanted).encode()], [0, 1, 2])
        (fork,) = array.array("i", server.recv(4))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os.kill(fork, number))
        parent, code = os.getppid(), b"\1"
        server.settimeout(1)
        while os.getppid() == parent:  # else the tests were killed
            with suppress(TimeoutError):
                if not (said := server.recv(1)):
                    break
                code = said
        return code[0]


if __name__ == "__main__":
    address, *arguments = sys.argv[1:]
    if arguments[0].startswith("-"):
        sys.exit(ask(address, arguments))
    serve(address, *arguments)
