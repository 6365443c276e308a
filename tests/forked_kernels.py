"""Kernels for the tests that start in a tenth of a second: forks of one process that has imported TensorFlow.

Importing TensorFlow takes a kernel longer than most exercises. conftest.py runs `serve` once in each test process, on
Linux, and has Jupyter start every kernel by this file: it asks the server for a fork, and lives as long as the fork.
A fork has everything of a new kernel (memory, folder, environment) but the import.
"""

import array
import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path


def serve(address: str) -> None:
    """Import what the notebooks import, then fork a kernel for each client, until standard input is closed."""
    if (Path(__file__).resolve().parents[1] / "mos_helpers").is_dir():
        import mos_checks  # noqa: F401
        from mos_helpers import data, heads, plots  # noqa: F401
    import ipykernel.kernelapp  # noqa: F401

    gc.collect()
    gc.freeze()  # so that no later collection writes to the memory that forks share

    signal.signal(signal.SIGCHLD, clear_away)
    with socket.socket(socket.AF_UNIX) as server, selectors.DefaultSelector() as selector:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        selector.register(server, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while sys.stdin not in [key.fileobj for key, _ in selector.select()]:
            client, _ = server.accept()
            if os.fork() == 0:
                server.close()
                become_kernel(client)
            client.close()
    with suppress(ChildProcessError):
        while True:
            os.wait()


def clear_away(*_: object) -> None:
    """Wait for kernels that have ended, so that their processor time counts as this process's."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def become_kernel(client: socket.socket) -> None:
    """Take over the client's folder, environment and streams, and be the kernel that it was to be."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    message, streams, _, _ = socket.recv_fds(client, 2**20, 3)
    wanted = json.loads(message)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["folder"])
    client.sendall(array.array("i", [os.getpid()]).tobytes())
    threading.Thread(target=end_with, args=[client], daemon=True).start()
    sys.argv = ["ipykernel_launcher", *wanted["arguments"]]
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance()
    os._exit(0)


def end_with(client: socket.socket) -> None:
    """End this kernel when its client is gone."""
    client.recv(1)
    os._exit(1)


def ask(address: str, arguments: list[str]) -> None:
    """Ask for a kernel, hand it the signals that Jupyter sends, and end when it does."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        wanted = {"environment": dict(os.environ), "folder": str(Path.cwd()), "arguments": arguments}
        socket.send_fds(server, [json.dumps(wanted).encode()], [0, 1, 2])
        (kernel,) = array.array("i", server.recv(4))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os.kill(kernel, number))
        parent = os.getppid()
        server.settimeout(1)
        while os.getppid() == parent:  # else the tests were killed
            with suppress(TimeoutError):
                if not server.recv(1):
                    break


if __name__ == "__main__":
    address, *arguments = sys.argv[1:]
    if arguments:
        ask(address, arguments)
    else:
        serve(address)
