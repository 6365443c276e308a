"""Digits come from the package, a file, a cache or the network, and never half of them."""

import hashlib
import http.server
import json
import os
import pickle
import random
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mos_helpers import data
from mos_helpers.data import mnist

import keras  # isort: skip
import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip
from test_batches import rows

ROOT = Path(__file__).parents[2]
REAL_MNIST = next(
    (
        folder
        for folder in (Path(os.environ.get("MOS_DATA_DIR") or "."), ROOT / "../shared/data")
        if (folder / "mnist.npz").is_file()
    ),
    None,
)


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch, tmp_path):
    """An empty Keras cache, no settings, and a download address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(mnist, "MNIST_ADDRESS", f"http://127.0.0.1:{port}/mnist.npz")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("MOS_DATA", raising=False)
    monkeypatch.delenv("MOS_DATA_DIR", raising=False)


@pytest.fixture
def arrays(monkeypatch):
    """A small set of digits that passes for MNIST."""
    rng = np.random.default_rng(0)
    small = {
        "x_train": rng.integers(0, 256, (60, 28, 28), dtype=np.uint8),
        "y_train": np.repeat(np.arange(10, dtype=np.uint8), 6),
        "x_test": rng.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        "y_test": np.repeat(np.arange(10, dtype=np.uint8), 2),
    }
    expected = {name: (array.shape, hashlib.sha256(array.tobytes()).hexdigest()) for name, array in small.items()}
    monkeypatch.setattr(mnist, "MNIST_ARRAYS", expected)
    return small


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An empty folder that MOS_DATA_DIR names."""
    folder = tmp_path / "digits"
    folder.mkdir()
    monkeypatch.setenv("MOS_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path):
    """Keras's cache folder, empty."""
    cache = tmp_path / "keras" / "datasets"
    cache.mkdir(parents=True)
    return cache


def save(path, arrays):
    np.savez_compressed(path, **arrays)
    return path.read_bytes()


def files_below(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def one_line(capsys):
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    assert out.endswith("\n")
    return out


# --- the bundled digits


def test_bundled_digits(capsys):
    digits = data.load_digits("digits")
    assert repr(digits) == "bundled digits: 1,297 training and 500 test images, 28x28, float32 in [0, 1]"
    for x, y in ((digits.x_train, digits.y_train), (digits.x_test, digits.y_test)):
        assert (x.dtype, y.dtype) == (np.float32, np.int64)
        assert x.shape == (len(y), 28, 28)
        assert x.min() == 0
        assert 0.95 < x.max() <= 1
        assert not x[:, :4].any()
        assert not x[:, :, -4:].any()
        assert set(y) == set(range(10))
    share = [np.bincount(y) / len(y) for y in (digits.y_train, digits.y_test)]
    np.testing.assert_allclose(*share, atol=0.002)
    assert capsys.readouterr() == ("", "")


def test_bundled_digits_keep_what_the_small_images_show():
    from sklearn.datasets import load_digits

    digits = data.load_digits("digits")
    small = load_digits().images / 16
    both = np.concatenate([digits.x_train, digits.x_test])
    np.testing.assert_allclose(np.sort(both.mean((1, 2))), np.sort(small.mean((1, 2)) * 400 / 784), atol=0.03)
    shrunk = digits.x_test[:, 4:24, 4:24].reshape(-1, 4, 5, 4, 5).mean((2, 4)).reshape(-1, 16)
    coarse = small.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16)
    nearest = np.abs(shrunk[:, None] - coarse).mean(-1).argmin(1)
    assert np.mean(load_digits().target[nearest] == digits.y_test) > 0.99


def test_seed_does_not_move_images_between_training_and_test():
    whole, drawn = data.load_digits("digits"), data.load_digits("digits", n_test=50, seed=9)
    known = {image.tobytes() for image in whole.x_test}
    assert all(image.tobytes() in known for image in drawn.x_test)
    np.testing.assert_array_equal(whole.x_train, drawn.x_train)


@pytest.mark.parametrize("count", [10, 77, 495, 500])
def test_subsets_are_stratified_and_seeded(count):
    first, again, other = (data.load_digits("digits", n_test=count, seed=seed) for seed in (3, 3, 4))
    assert len(first.x_test) == len(first.y_test) == count
    np.testing.assert_array_equal(first.x_test, again.x_test)
    assert not np.array_equal(first.x_test, other.x_test)
    assert np.abs(np.bincount(first.y_test, minlength=10) - count / 10).max() <= 0.02 * count + 1
    assert set(first.y_test) == set(range(10))
    assert len({image.tobytes() for image in first.x_test}) == count


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"n_train": 9}, ValueError, ["n_train", "10", "9"]),
        ({"n_train": 1298}, ValueError, ["n_train", "1,297", "1,298", "bundled digits"]),
        ({"n_test": 501}, ValueError, ["n_test", "500", "501"]),
        ({"n_test": 20.0}, TypeError, ["n_test", "whole number", "20.0"]),
        ({"n_test": "20"}, TypeError, ["n_test", "whole number", "'20'"]),
        ({"n_train": True}, TypeError, ["n_train", "True"]),
        ({"seed": -1}, ValueError, ["seed", "-1"]),
        ({"seed": 0.5}, TypeError, ["seed", "0.5"]),
    ],
)
def test_wrong_counts(arguments, error, words):
    with pytest.raises(error) as raised:
        data.load_digits("digits", **arguments)
    assert all(word in str(raised.value) for word in words)


def test_unknown_sources(monkeypatch):
    with pytest.raises(ValueError, match=r"source must be .*auto.*digits.*mnist.*'fashion'"):
        data.load_digits("fashion")
    monkeypatch.setenv("MOS_DATA", "MNIST")
    with pytest.raises(ValueError, match=r"MOS_DATA must be .*'MNIST'"):
        data.load_digits()
    assert data.load_digits("digits").source == "bundled digits"


def test_mos_data_chooses_the_bundled_digits(monkeypatch, folder, arrays, capsys):
    save(folder / "mnist.npz", arrays)
    monkeypatch.setenv("MOS_DATA", "digits")
    assert data.load_digits().source == "bundled digits"
    assert data.load_digits("mnist").source == "MNIST"
    assert capsys.readouterr() == ("", "")


# --- MNIST from a file


@pytest.mark.parametrize("place", ["folder", "cache"])
@pytest.mark.parametrize("source", [None, "mnist"])
def test_mnist_from_a_file(request, place, source, arrays, capsys):
    save(request.getfixturevalue(place) / "mnist.npz", arrays)
    digits = data.load_digits(source, n_train=30)
    assert repr(digits) == "MNIST: 30 training and 20 test images, 28x28, float32 in [0, 1]"
    np.testing.assert_array_equal(digits.x_test, arrays["x_test"].astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(digits.y_test, arrays["y_test"])
    assert digits.x_test.dtype == np.float32
    assert digits.y_test.dtype == np.int64
    assert list(np.bincount(digits.y_train)) == [3] * 10
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(REAL_MNIST is None, reason="MNIST is not on this machine")
def test_real_mnist(monkeypatch):
    monkeypatch.setenv("MOS_DATA_DIR", str(REAL_MNIST))
    digits = data.load_digits("mnist")
    assert repr(digits) == "MNIST: 60,000 training and 10,000 test images, 28x28, float32 in [0, 1]"
    assert list(digits.y_train[:5]) == [5, 0, 4, 1, 9]
    assert (digits.x_train.min(), digits.x_train.max()) == (0, 1)


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def truncated(path, arrays):
    path.write_bytes(save(path, arrays)[:-200])


def damaged(path, arrays):
    content = bytearray(save(path, arrays))
    content[500:600] = bytes(100)
    path.write_bytes(content)


def wrong_content(path, arrays):
    save(path, arrays | {"x_test": arrays["x_test"] ^ 1})


def wrong_shape(path, arrays):
    save(path, arrays | {"x_train": arrays["x_train"].reshape(60, 784)})


def wrong_dtype(path, arrays):
    save(path, arrays | {"y_train": arrays["y_train"].astype(np.int8)})


def missing_array(path, arrays):
    save(path, {name: array for name, array in arrays.items() if name != "y_test"})


def object_array(path, arrays):
    save(path, arrays | {"x_train": np.array([Bomb(path.parent / "exploded")], dtype=object)})


def pickle_file(path, arrays):
    path.write_bytes(pickle.dumps(Bomb(path.parent / "exploded")))


def pickle_before_archive(path, arrays):
    path.write_bytes(pickle.dumps(Bomb(path.parent / "exploded")) + save(path, arrays))


def one_plain_array(path, arrays):
    with path.open("wb") as file:
        np.save(file, arrays["x_train"])


def empty(path, arrays):
    path.write_bytes(b"")


BAD_FILES = [
    (truncated, "not a complete .npz archive"),
    (damaged, "cannot be read"),
    (wrong_content, "x_test has the wrong content"),
    (wrong_shape, "x_train is uint8 of shape (60, 784)"),
    (wrong_dtype, "y_train is int8"),
    (missing_array, "no array y_test"),
    (object_array, "cannot be read"),
    (pickle_file, "not a complete .npz archive"),
    (pickle_before_archive, "cannot be read"),
    (one_plain_array, "not a complete .npz archive"),
    (empty, "not a complete .npz archive"),
]


@pytest.mark.parametrize(("make", "reason"), BAD_FILES)
def test_bad_file(make, reason, arrays, folder, capsys):
    path = folder / "mnist.npz"
    make(path, arrays)
    before = files_below(folder)

    assert data.load_digits().source == "bundled digits"
    line = one_line(capsys)
    for words in (str(path), reason, "left where it is", "using the 1,797 digits bundled with scikit-learn instead"):
        assert words in line
    with pytest.raises(FileNotFoundError) as raised:
        data.load_digits("mnist")
    for words in ('source is "mnist"', str(path), reason, "left where it is", "MOS_DATA=digits"):
        assert words in str(raised.value)
    assert capsys.readouterr() == ("", "")
    assert files_below(folder) == before
    assert not (folder / "exploded").exists()


@pytest.mark.parametrize("source", ["auto", "mnist"])
def test_bad_file_then_a_good_one_in_the_cache(source, arrays, folder, cache, capsys):
    truncated(folder / "mnist.npz", arrays)
    save(cache / "mnist.npz", arrays)
    before = files_below(folder)
    assert data.load_digits(source).source == "MNIST"
    line = one_line(capsys)
    assert str(folder / "mnist.npz") in line
    assert "MNIST was read from Keras's cache instead" in line
    assert files_below(folder) == before


def test_folder_instead_of_a_file(arrays, folder, capsys):
    (folder / "mnist.npz").mkdir()
    assert data.load_digits().source == "bundled digits"
    assert str(folder / "mnist.npz") in one_line(capsys)


@pytest.mark.parametrize("missing", ["empty folder", "no folder", "a file"])
def test_mos_data_dir_without_mnist(monkeypatch, missing, folder, tmp_path, capsys):
    if missing == "no folder":
        monkeypatch.setenv("MOS_DATA_DIR", str(tmp_path / "nowhere"))
    if missing == "a file":
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("MOS_DATA_DIR", str(tmp_path / "file"))
    assert data.load_digits().source == "bundled digits"
    line = one_line(capsys)
    assert "MOS_DATA_DIR holds no mnist.npz" in line
    assert str(tmp_path) not in line


# --- MNIST from the network


@pytest.fixture
def serve(monkeypatch):
    """Start a local server in place of the real address; it sends the first `sent` bytes of the content."""
    servers, finished = [], threading.Event()

    def start(content, sent=None, then="close", announce=True, status=200):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.send_response(status)
                if announce:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()

            def do_GET(self):
                server.gets += 1
                self.do_HEAD()
                self.wfile.write(content[:sent])
                self.wfile.flush()
                if then == "stall":
                    finished.wait(20)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.gets = 0
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setattr(mnist, "MNIST_ADDRESS", f"http://127.0.0.1:{server.server_port}/mnist.npz")
        return server

    yield start
    finished.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("source", ["auto", "mnist"])
def test_download(source, arrays, serve, cache, tmp_path, capsys):
    content = save(tmp_path / "served.npz", arrays)
    server = serve(content)
    assert data.load_digits(source).source == data.load_digits(source).source == "MNIST"
    assert server.gets == 1
    assert [path.name for path in cache.iterdir()] == ["mnist.npz"]
    assert (cache / "mnist.npz").read_bytes() == content
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("announce", [True, False])
def test_download_cut_in_the_middle(announce, arrays, serve, cache, tmp_path, capsys):
    content = save(tmp_path / "served.npz", arrays)
    serve(content, sent=len(content) // 2, announce=announce)
    assert data.load_digits().source == "bundled digits"
    line = one_line(capsys)
    assert ("broke off" if announce else "not a complete .npz archive") in line
    assert str(tmp_path) not in line
    assert list(cache.iterdir()) == []
    serve(content)
    assert data.load_digits("mnist").source == "MNIST"


def test_download_that_stalls_ends(monkeypatch, arrays, serve, cache, tmp_path, capsys):
    monkeypatch.setattr(mnist, "STALL_SECONDS", 0.3)
    content = save(tmp_path / "served.npz", arrays)
    serve(content, sent=1000, then="stall")
    assert data.load_digits().source == "bundled digits"
    assert "broke off" in one_line(capsys)
    assert list(cache.iterdir()) == []


def test_interrupted_download_leaves_nothing(monkeypatch, arrays, serve, cache, tmp_path):
    def interrupted(path, content):
        path.write_text("half")
        raise KeyboardInterrupt

    serve(save(tmp_path / "served.npz", arrays))
    monkeypatch.setattr(mnist.Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data.load_digits()
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [(b"<html>Please log in</html>", 200, "what came is not MNIST"), (b"blocked", 403, "broke off")],
)
def test_network_that_answers_with_something_else(content, status, words, arrays, serve, cache, capsys):
    serve(content, status=status)
    assert data.load_digits().source == "bundled digits"
    assert words in one_line(capsys)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("source", ["auto", "mnist"])
def test_bad_file_then_a_good_download(source, arrays, serve, folder, cache, tmp_path, capsys):
    serve(save(tmp_path / "served.npz", arrays))
    wrong_dtype(folder / "mnist.npz", arrays)
    before = files_below(folder)
    assert data.load_digits(source).source == "MNIST"
    assert "MNIST was downloaded instead" in one_line(capsys)
    assert files_below(folder) == before


def test_bad_file_in_the_cache_is_not_downloaded_over(arrays, serve, cache, tmp_path, capsys):
    server = serve(save(tmp_path / "served.npz", arrays))
    truncated(cache / "mnist.npz", arrays)
    before = files_below(cache)
    assert data.load_digits().source == "bundled digits"
    assert str(cache / "mnist.npz") in one_line(capsys)
    with pytest.raises(FileNotFoundError, match="move a bad file away"):
        data.load_digits("mnist")
    assert files_below(cache) == before
    assert server.gets == 0


def test_file_that_appears_during_the_download_is_kept(monkeypatch, arrays, serve, cache, tmp_path):
    content = save(tmp_path / "served.npz", arrays)
    serve(content)
    write_bytes = mnist.Path.write_bytes

    def slow_write_bytes(path, written):
        (cache / "mnist.npz").write_text("of somebody else")
        return write_bytes(path, written)

    monkeypatch.setattr(mnist.Path, "write_bytes", slow_write_bytes)
    assert data.load_digits().source == "MNIST"
    assert (cache / "mnist.npz").read_text() == "of somebody else"


def test_offline(capsys):
    assert data.load_digits().source == "bundled digits"
    assert one_line(capsys) == (
        "MNIST could not be downloaded (the server did not answer): "
        "using the 1,797 digits bundled with scikit-learn instead.\n"
    )
    with pytest.raises(
        FileNotFoundError, match=r"source is .*the server did not answer.*MOS_DATA_DIR.*MOS_DATA=digits"
    ):
        data.load_digits("mnist")


def test_required_by_the_environment(monkeypatch):
    monkeypatch.setenv("MOS_DATA", "mnist")
    with pytest.raises(FileNotFoundError, match=r'^MOS_DATA is "mnist", but'):
        data.load_digits()


def test_server_that_never_answers(monkeypatch, capsys):
    assert mnist.PROBE_SECONDS < 5
    monkeypatch.setattr(mnist, "PROBE_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(mnist, "MNIST_ADDRESS", f"http://127.0.0.1:{silent.getsockname()[1]}/mnist.npz")
        assert data.load_digits().source == "bundled digits"
    assert "did not answer" in one_line(capsys)


def test_name_lookup_that_hangs(monkeypatch, capsys):
    released, looked_up = threading.Event(), threading.Event()

    def getaddrinfo(*args, **kwargs):
        released.wait(60)
        looked_up.set()
        return []

    monkeypatch.setattr(mnist, "PROBE_SECONDS", 0.3)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert data.load_digits().source == "bundled digits"
    assert not looked_up.is_set()
    released.set()
    assert "did not answer" in one_line(capsys)


@pytest.mark.parametrize("home", ["file", "file/home"])
def test_cache_that_cannot_be_written(monkeypatch, home, arrays, serve, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / home))
    monkeypatch.setattr(mnist.tempfile, "tempdir", str(tmp_path / "tmp"))
    server = serve(save(tmp_path / "served.npz", arrays))
    assert data.load_digits().source == data.load_digits("mnist").source == "MNIST"
    assert server.gets == 1
    assert (tmp_path / "tmp/.keras/datasets/mnist.npz").is_file()
    assert (tmp_path / "file").read_text() == ""
    assert capsys.readouterr() == ("", "")


def test_no_cache_at_all(monkeypatch, arrays, serve, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(mnist.tempfile, "tempdir", str(tmp_path / "file"))
    serve(save(tmp_path / "served.npz", arrays))
    assert data.load_digits().source == "bundled digits"
    assert "cache cannot be written" in one_line(capsys)


# --- another process

SCRIPT = """
import json, sys
from mos_helpers import data
slow = [name for name in ("sklearn.model_selection", "sklearn.datasets") if name in sys.modules]
import mos_checks
from mos_helpers import plots
import keras, numpy as np, tensorflow
keras.utils.set_random_seed(int(sys.argv[1]))
ds = data.batches(np.arange(20), np.arange(20), 5, seed=7)
orders = [[x.numpy().tolist() for x, _ in ds] for _ in range(2)]
source = data.load_digits().source
print(json.dumps({"slow": slow, "orders": orders, "source": source}))
"""


@pytest.fixture(scope="module")
def other_process(tmp_path_factory):
    """What a fresh process sees whose home folder cannot exist, offline."""
    folder = tmp_path_factory.mktemp("other")
    (folder / "file").write_text("")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MOS_", "KERAS_"))}
    home = str(folder / "file/home")
    nowhere = {"HOME": home, "USERPROFILE": home, "KERAS_HOME": home + "/.keras", "TMPDIR": str(folder)}
    nowhere["MPLCONFIGDIR"] = str(folder)
    closed = {"https_proxy": "http://127.0.0.1:9", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, "99"], env=kept | nowhere | closed, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines(), result.stderr


def test_importing_the_package_prints_nothing(other_process):
    lines, errors = other_process
    assert (len(lines), errors) == (2, "")  # what `load_digits` says, and the answer of the script


def test_home_that_cannot_be_written(other_process):
    line, answer = other_process[0]
    assert "did not answer" in line
    assert json.loads(answer)["source"] == "bundled digits"


def test_import_stays_light(other_process):
    assert json.loads(other_process[0][-1])["slow"] == []


def test_same_seed_same_order_in_another_process(other_process):
    np.random.default_rng().random(3)
    keras.utils.set_random_seed(1)
    ds = data.batches(np.arange(20), np.arange(20), 5, seed=7)
    random.random(), tf.random.uniform(())
    assert json.loads(other_process[0][-1])["orders"] == [rows(ds), rows(ds)]
