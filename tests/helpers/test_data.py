import gc
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
from collections.abc import Mapping
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest

from mos_helpers import data
from mos_helpers.data import mnist

import keras  # isort: skip
import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip

pytestmark = pytest.mark.usefixtures("early_builds")

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


# --- attributes


def test_attributes_against_their_definitions():
    y = np.random.default_rng(0).integers(0, 10, 200)
    definitions = {
        "odd": lambda d: d % 2 == 1,
        "prime": lambda d: d > 1 and all(d % divisor for divisor in range(2, d)),
        "at_least_five": lambda d: d >= 5,
        "has_loop": lambda d: str(d) in "0689",
        "multiple_of_three": lambda d: d % 3 == 0,
        "perfect_square": lambda d: int(d**0.5) ** 2 == d,
    }
    facts = data.digit_attributes(y)
    assert list(facts) == list(definitions)
    for name, fact in facts.items():
        assert (fact.dtype, fact.shape) == (np.int64, (200,))
        assert fact.tolist() == [int(definitions[name](int(d))) for d in y], name


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.uint64])
def test_attributes_of_any_whole_numbers(dtype):
    want = data.digit_attributes(np.arange(10))
    got = data.digit_attributes(np.arange(10, dtype=dtype))
    assert {name: fact.tolist() for name, fact in got.items()} == {name: fact.tolist() for name, fact in want.items()}


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        (np.array([1.0, 2.0]), TypeError, "float64"),
        (np.array([True]), TypeError, "bool"),
        (np.array(["1"]), TypeError, "whole numbers"),
        (np.array([3, 10]), ValueError, "0 to 9, not 10"),
        (np.array([3, -1]), ValueError, "0 to 9, not -1"),
        (np.array([[3], [1]]), ValueError, "shape (2, 1)"),
        (np.int64(3), ValueError, "shape ()"),
    ],
)
def test_attributes_of_something_else(y, error, words):
    with pytest.raises(error) as raised:
        data.digit_attributes(y)
    assert str(raised.value).startswith("y must")
    assert words in str(raised.value)


# --- targets from pixels


def drawn(*pixels, height=28, width=28):
    """An image with ink of strength 1 at some (row, column)."""
    image = np.zeros((1, height, width), np.float32)
    for row, column in pixels:
        image[0, row, column] = 1
    return image


def test_targets_from_pixels_have_shapes_and_types():
    x = np.random.default_rng(0).random((5, 28, 28), dtype=np.float32)
    before = x.copy()
    targets = data.pixel_targets(x)
    shapes = {"quarter": (5,), "ink": (5,), "halves": (5, 2), "slant": (5,), "mirror": (5, 196)}
    assert {name: target.shape for name, target in targets.items()} == shapes
    assert targets.pop("quarter").dtype == np.int64
    assert {target.dtype for target in targets.values()} == {np.dtype("float32")}
    assert (x == before).all()


@pytest.mark.parametrize(("pixel", "quarter", "halves"), [((3, 2), 0, [1, 1]), ((0, 27), 1, [1, 0])])
@pytest.mark.parametrize(("down", "below"), [(0, 0), (14, 2)])
def test_quarters_and_halves(pixel, quarter, halves, down, below):
    targets = data.pixel_targets(drawn((pixel[0] + down, pixel[1])))
    assert targets["quarter"].tolist() == [quarter + below]
    assert targets["halves"].tolist() == [[halves[0] if not below else 0, halves[1]]]


def test_halves_are_shares_of_the_ink():
    image = drawn((1, 1), (2, 20), (20, 20))
    image[0, 20, 3] = 0.5
    assert np.allclose(data.pixel_targets(image)["halves"], [[2 / 3.5, 1.5 / 3.5]])
    assert np.allclose(data.pixel_targets(image)["ink"], 3.5 / 784)


@pytest.mark.parametrize("lean", [-0.5, 0, 0.5, 1])
@pytest.mark.parametrize("columns", [28, 40])
def test_slant_is_columns_to_the_right_for_each_row_up(lean, columns):
    image = drawn(*[(row, 14 + round(lean * (14 - row))) for row in range(6, 23, 2)], width=columns)
    assert np.allclose(data.pixel_targets(image)["slant"], lean, atol=1e-6)


def test_slant_against_numpy():
    x = np.random.default_rng(1).random((4, 12, 16))
    rows, columns = np.mgrid[:12, :16]
    wanted = []
    for image in x:
        covariance = np.cov(rows.ravel(), columns.ravel(), aweights=image.ravel())
        wanted.append(-covariance[0, 1] / covariance[0, 0])
    assert np.allclose(data.pixel_targets(x)["slant"], wanted, atol=1e-6)


def test_mirror_is_half_as_wide_and_half_as_high():
    image = drawn((0, 0), (0, 1), (1, 0), (27, 27))
    mirror = data.pixel_targets(image)["mirror"].reshape(14, 14)
    assert mirror[0, 13] == 0.75
    assert mirror[13, 0] == 0.25
    assert mirror.sum() == 1


def test_images_without_ink_or_with_one_row_of_it():
    targets = data.pixel_targets(np.concatenate([drawn(), drawn((5, 3), (5, 9))]))
    assert targets["ink"][0] == 0
    assert targets["slant"].tolist() == [0, 0]
    assert targets["halves"][0].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((2, 28, 28), np.uint8), TypeError, "not uint8; divide 0 to 255 by 255"),
        (np.zeros((2, 784)), ValueError, "not shape (2, 784)"),
        (np.zeros((2, 27, 28)), ValueError, "height and width even, not shape (2, 27, 28)"),
        (np.zeros((0, 28, 28)), ValueError, "not shape (0, 28, 28)"),
        (np.full((1, 4, 4), 255.0), ValueError, "not from 255 to 255"),
        (np.full((1, 4, 4), np.nan), ValueError, "not from nan to nan"),
    ],
)
def test_targets_from_something_else(x, error, words):
    with pytest.raises(error) as raised:
        data.pixel_targets(x)
    assert str(raised.value).startswith("x must")
    assert words in str(raised.value)


# --- batches


def rows(ds):
    return [x.numpy().tolist() for x, *_ in ds]


def flat(ds):
    return [row for batch in rows(ds) for row in batch]


@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(
    n=st.integers(1, 40),
    batch_size=st.integers(1, 40),
    shuffle=st.booleans(),
    seed=st.integers(0, 9),
)
def test_rows_stay_together(n, batch_size, shuffle, seed):
    hypothesis.assume(batch_size <= n or not shuffle)
    x = np.arange(n)
    y = {"b": 10 * x, "a": np.stack([x, -x], axis=1)}
    ds = data.batches(x, y, batch_size, {"b": 3 * x, "a": x / 2}, shuffle, seed)
    seen = []
    for rows_x, rows_y, weight in ds:
        rows_x = rows_x.numpy()
        seen.extend(rows_x)
        assert list(rows_y) == ["b", "a"]
        np.testing.assert_array_equal(rows_y["b"], 10 * rows_x)
        np.testing.assert_array_equal(rows_y["a"], np.stack([rows_x, -rows_x], axis=1))
        np.testing.assert_array_equal(weight["b"], 3 * rows_x)
        np.testing.assert_allclose(weight["a"], rows_x / 2)
    kept = n // batch_size * batch_size if shuffle else n
    assert len(seen) == len(set(seen)) == kept
    assert shuffle or seen == list(range(kept))
    assert ds.cardinality() == len(list(ds)) == (n // batch_size if shuffle else -(-n // batch_size))


def test_every_pass_has_a_new_order_and_every_seed_its_own():
    x = np.arange(50)
    ds, same, other = (data.batches(x, x, 10, seed=seed) for seed in (1, 1, 2))
    first, second = flat(ds), flat(ds)
    assert sorted(first) == sorted(second) == list(x)
    assert first != second
    assert [flat(same), flat(same)] == [first, second]
    assert flat(other) != first
    assert first != list(x)


def test_without_a_seed_the_global_one_counts():
    def order(global_seed):
        keras.utils.set_random_seed(global_seed)
        return flat(data.batches(np.arange(50), np.arange(50), 10))

    assert order(5) == order(5) != order(6)


def test_unshuffled_batches_leave_the_random_state_alone():
    random.seed(3)
    want = random.random()
    random.seed(3)
    data.batches(np.arange(5), np.arange(5), shuffle=False)
    assert random.random() == want


def test_training_drops_the_partial_batch_and_evaluation_keeps_it():
    x = np.arange(25)
    assert [len(batch) for batch in rows(data.batches(x, x, 10))] == [10, 10]
    assert [len(batch) for batch in rows(data.batches(x, x, 10, shuffle=False))] == [10, 10, 5]
    trained = data.batches(x, x, 10)
    left_out = set(x) - set(flat(trained))
    assert left_out & {row for _ in range(8) for row in flat(trained)}


def test_structures_and_types():
    x = {"image": np.zeros((6, 2)), "size": np.zeros((6, 1), np.float16)}
    ds = data.batches(x, [np.arange(6), np.zeros(6, bool)], 3, sample_weight=np.ones(6))
    spec_x, spec_y, spec_weight = ds.element_spec
    assert isinstance(spec_x, Mapping)
    assert (spec_x["image"].dtype, spec_x["size"].dtype) == (tf.float32, tf.float16)
    assert spec_x["image"].shape == (3, 2)
    assert isinstance(spec_y, tuple)
    assert (spec_y[0].dtype, spec_y[1].dtype) == (tf.int64, tf.bool)
    assert spec_weight.dtype == tf.float32
    assert len(data.batches(x, np.arange(6), 3).element_spec) == 2


def test_later_changes_of_the_arrays_do_not_matter():
    x = np.zeros(6)
    ds = data.batches(x, x, 3)
    x[:] = 1
    assert flat(ds) == [0] * 6


def test_a_dataset_that_is_gone_frees_its_arrays():
    def copies():
        tensors = (thing for thing in gc.get_objects() if isinstance(thing, tf.Tensor) and hasattr(thing, "numpy"))
        return sum(tensor.shape == (1237, 3) for tensor in tensors)

    gc.disable()
    try:
        ds = data.batches(np.zeros((1237, 3)), np.zeros(1237))
        next(iter(ds))
        assert copies() == 1
        del ds
        assert copies() == 0
    finally:
        gc.enable()


X, Y = np.zeros((12, 3), np.float32), {"digit": np.zeros(12), "odd": np.zeros(12)}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"x": X[:10]}, ValueError, ["x has 10", "y['digit'] has 12"]),
        ({"y": Y | {"odd": np.zeros(11)}}, ValueError, ["y['odd'] has 11", "same number of rows"]),
        ({"sample_weight": np.ones(3)}, ValueError, ["sample_weight has 3"]),
        ({"sample_weight": {"digit": np.ones(12)}}, ValueError, ["sample_weight", "['digit', 'odd']", "['digit']"]),
        ({"y": Y["odd"], "sample_weight": Y}, ValueError, ["sample_weight", "unless y is a dict"]),
        ({"y": {"digit": None, "odd": Y["odd"]}}, TypeError, ["y['digit']", "None"]),
        ({"y": [1, 2, 3]}, TypeError, ["y[0]", "array with one row per image"]),
        ({"x": np.array([object()] * 12)}, TypeError, ["x must be an array"]),
        ({"x": X[:0], "y": Y["odd"][:0]}, ValueError, ["x", "at least one row"]),
        ({"batch_size": 0}, ValueError, ["batch_size", "at least 1", "0"]),
        ({"batch_size": 4.0}, TypeError, ["batch_size", "4.0"]),
        ({"batch_size": True}, TypeError, ["batch_size", "True"]),
        ({"batch_size": 13}, ValueError, ["batch_size", "12", "13"]),
        ({"seed": "1"}, TypeError, ["seed", "'1'"]),
        ({"seed": -1}, ValueError, ["seed", "-1"]),
    ],
)
def test_wrong_arguments_of_batches(arguments, error, words):
    with pytest.raises(error) as raised:
        data.batches(**({"x": X, "y": Y, "batch_size": 4} | arguments))
    assert all(word in str(raised.value) for word in words)


@pytest.mark.filterwarnings("error")
def test_trains_a_two_head_model():
    keras.utils.set_random_seed(0)
    digits = data.load_digits("digits")
    x, x_test = digits.x_train.reshape(-1, 784), digits.x_test.reshape(-1, 784)
    y, y_test = ({"digit": labels, "odd": labels % 2} for labels in (digits.y_train, digits.y_test))
    image = keras.Input((784,))
    trunk = keras.layers.Dense(32, activation="relu")(image)
    digit = keras.layers.Dense(10, activation="softmax", name="digit")(trunk)
    odd = keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk)
    model = keras.Model(image, {"digit": digit, "odd": odd})
    model.compile(
        keras.optimizers.Adam(0.01),
        {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"},
        metrics={"digit": ["accuracy"], "odd": ["accuracy"]},
        steps_per_execution=32,
    )
    weights = {"digit": np.ones(len(x)), "odd": np.ones(len(x))}
    history = model.fit(
        data.batches(x, y, 32, weights, seed=1),
        validation_data=data.batches(x_test, y_test, 100, shuffle=False),
        epochs=4,
        verbose=0,
    ).history
    for prefix in ("", "val_"):
        np.testing.assert_allclose(
            history[prefix + "loss"],
            np.add(history[prefix + "digit_loss"], history[prefix + "odd_loss"]),
            rtol=1e-4,
        )
    test = data.batches(x_test, y_test, 128, shuffle=False)
    scores, predictions = model.evaluate(test, verbose=0, return_dict=True), model.predict(test, verbose=0)
    assert scores["digit_accuracy"] > 0.85
    assert len(predictions["digit"]) == 500
    assert np.isclose(np.mean(predictions["digit"].argmax(1) == digits.y_test), scores["digit_accuracy"])


def test_repeat_goes_on_with_new_orders():
    passes = list(data.batches(np.arange(10), np.arange(10), batch_size=5, seed=3).repeat(3))
    orders = [np.concatenate([x.numpy() for x, _ in passes[i : i + 2]]) for i in (0, 2, 4)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
