# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 14. How do I save, serve and test it?
#
# **What you will do.** Take one trained model with two heads on its way out of the notebook: save it, export it, put a real
# server around it, and ask that server over HTTP.
#
# **What you will learn**
# - to save a model with its heads' names, and to know what is lost on loading;
# - to export it for three kinds of programs, and to take the answers by name;
# - what one answer costs, in each form;
# - to write a server that checks what it is asked, and answers several requests at once;
# - which tests belong to a model that is shipped.
#
# **What you will need.** Lessons [2](02_wiring_heads.ipynb), [7](07_loss_weights.ipynb) and
# [11](11_hierarchical_heads.ipynb). No GPU. About 50 minutes; the longest cell runs for about 10 seconds. Words are explained
# in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.hierarchy import ConditionalHead, Tree

import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(14)


# %% [markdown]
# ## The model
#
# The images are those of [lesson 3](03_three_architectures.ipynb): two digits on one canvas, at half the resolution. The
# digits are split into three parts before any image is made. The head *left* is a `ConditionalHead` on a tree of digits that
# look alike ([lesson 11](11_hierarchical_heads.ipynb)); *odd* asks about the right digit.


# %%
def two_questions(x, y, n, seed):
    """Return n images, one row of pixels each, and the targets of both heads."""
    canvas, pair = data.two_digits(x, y, n, seed=seed)
    images = canvas.reshape(n, 17, 2, 17, 2).mean(axis=(2, 4)).reshape(n, -1)
    return images, {"left": pair["left"], "odd": pair["right"] % 2}


digits = data.load_digits()
cut = len(digits.x_train) * 3 // 4
training = two_questions(digits.x_train[:cut], digits.y_train[:cut], 4000, seed=1)
validation = two_questions(digits.x_train[cut:], digits.y_train[cut:], 2000, seed=2)
test = two_questions(digits.x_test, digits.y_test, 2000, seed=3)

# %%
looks = {"round": [*"06"], "straight": [*"17"], "hook": [*"49"], "bows": [*"2358"]}
by_look = Tree(looks, leaves=list("0123456789"))


def build():
    image = keras.Input(shape=(289,), name="image")
    trunk = keras.layers.Dense(96, activation="relu", name="trunk_1")(image)
    trunk = keras.layers.Dense(48, activation="relu", name="trunk_2")(trunk)
    left = ConditionalHead(by_look, name="left")(trunk)
    odd = keras.layers.Dense(1, activation="sigmoid", name="odd")(trunk)
    return keras.Model(image, {"left": left, "odd": odd})


# %%
losses = {"left": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"}
metrics = {"left": ["sparse_categorical_accuracy"], "odd": ["binary_accuracy"]}
loss_weights = {name: keras.Variable(1.0, trainable=False) for name in losses}

model = build()
settings = {"loss_weights": loss_weights, "metrics": metrics, "steps_per_execution": 50}
model.compile("adam", losses, **settings)
model.fit(data.batches(*training, seed=0).repeat(), steps_per_epoch=300, verbose=0)

report = model.evaluate(*test, batch_size=1000, verbose=0, return_dict=True)
for name, (metric,) in metrics.items():
    baseline = np.mean(test[1][name] == np.bincount(training[1][name]).argmax())
    print(f"{name:5} {report[f'{name}_{metric}']:.1%} right, baseline {baseline:.1%}")

# %% [markdown]
# ## Save
#
# One file with the ending `.keras` holds the layers, the weights, what `compile` got, and the state of the optimizer.
# `ConditionalHead` is a layer of the course. Keras finds it again because its class is registered: above it stands
# `@keras.saving.register_keras_serializable`.
#
# **Predict first.** Which of these come back: the names of the heads, the exact answers, `steps_per_execution`, the number of
# updates made, the loss weights as variables?

# %%
temporary = tempfile.TemporaryDirectory()  # it is removed with the kernel
folder = Path(temporary.name)
model.save(folder / "model.keras")
loaded = keras.models.load_model(folder / "model.keras")

answers, again = (m.predict_on_batch(test[0]) for m in (model, loaded))
moved = max(float(np.abs(answers[name] - again[name]).max()) for name in answers)
print("names:  ", list(again), type(loaded.get_layer("left")).__name__)
print(f"answers: differ by {moved:.0e} at most")
print("updates:", int(loaded.optimizer.iterations), "in steps of", loaded.steps_per_execution)

# %% [markdown]
# The first four come back: every weight is the same number, so the answers are the same. The fifth does not: the loss weights
# are variables no longer. We set the loss weight of *odd* to 0 in both models, through the variable that we gave to
# `compile`:

# %%
loss_weights["odd"].assign(0.0)
totals = {}
for name, one in {"model": model, "loaded": loaded}.items():
    scores = one.evaluate(*test, batch_size=1000, verbose=0, return_dict=True)
    totals[name] = scores["loss"] - scores["left_loss"]
    print(f"{name:7} loss - left_loss = {totals[name]:.3f}")

# %% tags=["check"]
loss_weights["odd"].assign(1.0)
assert all(map(np.array_equal, model.get_weights(), loaded.get_weights())) and moved < 1e-5
assert abs(totals["model"]) < 1e-4
assert totals["loaded"] > 0.1

# %% [markdown]
# The loaded model has the weights as **numbers**: what the variables held when it was saved. A schedule ([lesson
# 7](07_loss_weights.ipynb)) that changes the variables changes nothing in it, without a message. So before you go on
# training, compile the loaded model again, **with its own optimizer**. A new `"adam"` would begin with an empty memory, at
# update 0.

# %%
loaded.compile(loaded.optimizer, losses, **settings)
print("updates:", int(loaded.optimizer.iterations), "in steps of", loaded.steps_per_execution)

# %% tags=["check"]
assert int(loaded.optimizer.iterations) == 300

# %% [markdown]
# A loss of your own must be registered, like a layer. This one is not:


# %%
def half_of_it(target, answer):
    return keras.losses.sparse_categorical_crossentropy(target, answer) / 2


unregistered = keras.models.clone_model(model)
unregistered.compile("adam", losses | {"left": half_of_it})
unregistered.save(folder / "own_loss.keras")

# %% tags=["raises-exception"]
keras.models.load_model(folder / "own_loss.keras")

# %% [markdown]
# (When you run the cell, the message is long. Its last lines say what is wrong.) Three cures: write
# `@keras.saving.register_keras_serializable()` above the function; name it when you load, with
# `custom_objects={"half_of_it": half_of_it}`; or load with `compile=False`. To answer questions, no loss is needed.

# %%
to_answer = keras.models.load_model(folder / "own_loss.keras", compile=False)
print("compiled:", to_answer.compiled, " heads:", list(to_answer.output))

# %% [markdown]
# ### Keep the best by one head
#
# [Lesson 7](07_loss_weights.ipynb) stopped by a score of its own. `ModelCheckpoint` writes the best model to a file.
# With two heads there is no `val_accuracy`: *left* has `val_left_sparse_categorical_accuracy`.
#
# **Predict first.** The trained model learns on, and two callbacks watch it with `save_best_only=True`. One names a key that
# does not exist. What does it save?

# %%
keys = ["val_accuracy", "val_left_sparse_categorical_accuracy"]
options = {"mode": "max", "save_best_only": True}
best = keras.callbacks.ModelCheckpoint
callbacks = [best(folder / f"{key}_{{epoch}}.keras", monitor=key, **options) for key in keys]
batches = data.batches(*training, seed=0).repeat()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    options = {"validation_data": validation, "callbacks": callbacks, "verbose": 0}
    logs = model.fit(batches, steps_per_epoch=50, epochs=6, **options).history
messages = {str(one.message) for one in caught if "best model" in str(one.message)}

# %%
files = {key: folder.glob(f"{key}_*.keras") for key in keys}
saved_epochs = {key: sorted(int(file.stem[-1]) for file in files[key]) for key in keys}
scores = logs[keys[1]]
print(*messages, sep="\n")
print("scores of left:", [f"{score:.3f}" for score in scores])
print("saved epochs:", *saved_epochs.items(), sep="\n")

# %% tags=["check"]
assert saved_epochs[keys[0]] == [1, 2, 3, 4, 5, 6] and len(messages) == 1
higher = [n + 1 for n in range(6) if n == 0 or scores[n] > max(scores[:n])]
assert saved_epochs[keys[1]] == higher

# %% [markdown]
# With the key that does not exist, every epoch is "the best": with one file name, the last one stays. There is a warning, and
# it is easily lost among the lines of a long training. With the right key, there is none.
#
# An epoch is saved if its score is higher than all before it. `mode="max"` must be written: Keras cannot guess the direction
# of a key with a head's name, and says so ([lesson 7](07_loss_weights.ipynb)).

# %% [markdown]
# ## Export
#
# A server needs no Keras and none of our code. But our images were prepared, at half the resolution. If the server does that
# in a program of its own, it will one day do it differently. So the preparation belongs in the model that is served: it takes
# a whole canvas.

# %%
canvas = keras.Input((34, 34), name="canvas")
halved = keras.layers.AveragePooling2D(2)(keras.layers.Reshape((34, 34, 1))(canvas))
serving = keras.Model(canvas, model(keras.layers.Reshape((289,))(halved)))

# %% [markdown]
# `export` writes a **SavedModel** for TensorFlow Serving and the like (it looks for a folder with a number for each version),
# or, with `format="litert"`, one file for **LiteRT** (before: TensorFlow Lite), for telephones and small machines. What can
# be asked of a SavedModel is its **signature**. First we call the signature as a server would; a real server comes below.

# %%
serving.export(folder / "saved_model" / "1", verbose=False)
serving.export(folder / "model.tflite", format="litert", verbose=False)

canvases = data.two_digits(digits.x_test, digits.y_test, 2000, seed=3)[0]  # those of `test`
saved = tf.saved_model.load(folder / "saved_model" / "1")  # keep it: the signature needs it
signature = saved.signatures["serving_default"]
served = signature(canvas=tf.constant(canvases[:5]))
answers = model.predict_on_batch(test[0])
print("SavedModel:", {name: tuple(values.shape) for name, values in served.items()})

# %% [markdown]
# The names of the heads are the names of the outputs, and the input has its name as well: `canvas`. Now LiteRT. (TensorFlow
# warns that its interpreter will move into a package of its own, `ai-edge-litert`. An optional part of the interpreter, a
# *delegate*, would write a line of its own into the notebook: we leave it out.)
#
# **Predict first.** If you take output 0 for the first head, *left*, whose answer do you get?

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    interpreter = tf.lite.Interpreter(
        model_path=str(folder / "model.tflite"),
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
print("the model's order:", list(model.output))
for place, detail in enumerate(interpreter.get_output_details()):
    print(f"LiteRT's output {place}: name {detail['name']}, shape {detail['shape'].tolist()}")

# %% [markdown]
# The names are lost. In our run output 0 has one number for each image, so it is *odd*. (The first 1 in a shape stands
# for any number of images.) The shapes differ: you would notice. With two heads of the same shape, every answer would
# be wrong and nothing would look strange. The order of a SavedModel's outputs is no better: it may differ from one
# process to the next (`benchmarks/serving.py --orders 6`).
#
# So take answers **by name**. The *signature runner* of LiteRT knows the names, too.

# %%
runner = interpreter.get_signature_runner()
light = runner(canvas=canvases[:5])
for name in model.output:
    differences = [np.abs(values[name] - answers[name][:5]).max() for values in (served, light)]
    print(f"{name:5} SavedModel {differences[0]:.0e}, LiteRT {differences[1]:.0e} from predict")

# %% tags=["check"]
for name in model.output:
    assert np.allclose(served[name], answers[name][:5], atol=1e-5)
    assert np.allclose(light[name], answers[name][:5], atol=1e-5)

# %% [markdown]
# Equal to `predict` within 0.00001: the programs add up in another order, and rounding does the rest. Such a comparison
# belongs in the tests of whoever ships a model.
#
# ### How long does one answer take?
#
# **Predict first.** Order the ways to answer for one canvas: `predict`, `predict_on_batch`, a call of the model, a
# `tf.function` of the model, the SavedModel, LiteRT.

# %%
image = canvases[:1]
tensor, in_a_function = tf.constant(image), tf.function(lambda x: serving(x, training=False))
ways = {
    "predict": lambda: serving.predict(image, verbose=0),
    "predict_on_batch": lambda: serving.predict_on_batch(image),
    "serving(image)": lambda: serving(tensor, training=False),
    "tf.function": lambda: in_a_function(tensor),
    "SavedModel": lambda: signature(canvas=tensor),
    "LiteRT": lambda: runner(canvas=image),
}
milliseconds = {name: [] for name in ways}
for _ in range(11):
    for name, way in ways.items():
        start = time.perf_counter()
        way()
        milliseconds[name].append(1000 * (time.perf_counter() - start))
for name, values in milliseconds.items():
    print(f"{name:17} {np.median(values[1:]):7.3f} ms")

# %% [markdown]
# The median of 10 turns, on the machine that built this page. `predict` is made for many images: it prepares a data set
# and a loop each time. `predict_on_batch` does without, and it is compiled. A call of the model runs layer by layer in
# Python. A compiled function runs the Python code only at its first call, and LiteRT hardly any. So LiteRT is usually
# the fastest, then come the SavedModel and the `tf.function`, then `predict_on_batch`, then a call, and `predict` is
# last by far. `benchmarks/serving.py` measures 256 images too.

# %% [markdown]
# ### ONNX
#
# **ONNX** is a third form, for programs in many languages, and without TensorFlow. Keras writes it, if `tf2onnx` and `onnx`
# are installed; the course does not need them, so this is not run here:
# ```
# serving.export("model.onnx", format="onnx")                      # pip install tf2onnx onnxruntime
# session = onnxruntime.InferenceSession("model.onnx")
# session.run(["left", "odd"], {"canvas": canvases[:5]})           # a list: in the order of the names that you ask for
# ```
# A test of the course (`tests/course/test_onnx.py`, with `uv run --group onnx`) does it with a `ConditionalHead`: the names of
# input and heads arrive, and the answers differ from `predict` by less than 0.00001. The model must have been called once: else
# Keras 3.15 ends with `The model provided has never called`. In our run ONNX came between LiteRT and the SavedModel in time
# (`benchmarks/serving.py --onnx`). But `tf2onnx` states that it looks for a new maintainer, and that it is tested with
# TensorFlow 2.15 at most; with 2.21 it works because Keras repairs it for NumPy 2. So keep the SavedModel as well.

# %% [markdown]
# ## Take this with you
#
# A server: it answers over HTTP, by name, with any SavedModel whose inputs are numbers of fixed shapes.
# Save it as `serve.py`: this one function is the whole file. *Uvicorn* starts it, at a **port**, the number that tells the
# programs of one machine apart:
# ```
# pip install uvicorn
# MODEL_FOLDER=saved_model/1 uvicorn serve:create_app --factory --host 127.0.0.1 --port 8000
# ```
# `MODEL_FOLDER` is the folder with the number; TensorFlow Serving gets the one above it. Questions (`POST`) and answers are
# **JSON**: lists, and dictionaries with names, written as text. They have one of the forms of **TensorFlow Serving**, rows
# with names, so a client that uses it can ask either. `GET` only looks:
# ```
# POST /v1/models/model:predict    {"instances": [{"canvas": [[0, ...], ...]}, ...]}
#                                  {"predictions": [{"left": [0.1, ...], "odd": [0.3]}, ...]}
# GET  /health                     {"status": "ok", "inputs": {"canvas": [34, 34]}, ...}
# ```
# - **Check** what comes. Else a wrong question gets a long error of TensorFlow with status 500 (*the server is broken*), or,
#   worse, an answer to another question: 300 is 44 in 8 bits. 422 says *I understand, and cannot take it*: with the place and
#   the name of what is wrong.
# - **Several requests, one call.** While the model computes, requests wait. All that wait are answered by one call.
# - **Warm up**: the first call is slow, so it is made before the server says that it is ready.
# - *FastAPI* calls a function for each request to an address, and checks that a question is JSON with a list `instances`. An
#   `async` function pauses at `await`, and others run. A *future* is the place where an answer will be put; a queue holds
#   what waits. In `lifespan`, what stands before `yield` runs at the start, and what stands after it at the end.


# %%
def create_app():
    """Answer over HTTP with the SavedModel in MODEL_FOLDER, by the names of its inputs and heads."""
    import asyncio
    import os
    from contextlib import asynccontextmanager
    from typing import Annotated

    import numpy as np
    import tensorflow as tf
    from fastapi import Body, FastAPI, HTTPException
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse

    most = 1000  # rows in one request, and about as many in one call of the model
    saved = tf.saved_model.load(os.environ["MODEL_FOLDER"])  # keep it: the signature needs it
    signature = saved.signatures["serving_default"]
    wanted = signature.structured_input_signature[1]
    for name, spec in [*wanted.items(), *signature.structured_outputs.items()]:
        if not (spec.dtype.is_floating or spec.dtype.is_integer or spec.dtype.is_bool):
            raise ValueError(f"{name} must be numbers, not {spec.dtype.name}")
    for name, spec in wanted.items():
        if spec.shape[:1] != [None] or None in spec.shape[1:]:
            raise ValueError(f"only the number of rows must be open: {name} has {spec.shape}")
    shapes = {name: tuple(spec.shape[1:]) for name, spec in wanted.items()}
    waiting, counts = asyncio.Queue(), {"requests": 0, "calls": 0}

    def ask(rows):
        counts["calls"] += 1
        answers = signature(**{name: tf.constant(values) for name, values in rows.items()})
        return {name: values.numpy() for name, values in answers.items()}

    def checked(value, name, what):
        """Return one input of one instance as an array; a ValueError says what is wrong."""
        kind = wanted[name].dtype
        try:
            array = np.array(value)
        except ValueError:
            raise ValueError(f"{what} has rows of different lengths") from None
        if array.dtype.kind not in ("b" if kind.is_bool else "iuf"):
            sort = "true or false" if kind.is_bool else "numbers of at most 64 bits"
            raise ValueError(f"{what} must hold nothing but {sort}")
        if array.shape != shapes[name]:
            raise ValueError(f"{what} must have shape {shapes[name]}, not {array.shape}")
        if kind.is_integer and array.dtype.kind == "f":
            raise ValueError(f"{what} must hold whole numbers, without a point")
        if kind.is_integer and ((array < kind.min) | (array > kind.max)).any():
            raise ValueError(f"{what} must lie between {kind.min} and {kind.max}")
        array = array.astype(kind.as_numpy_dtype)
        if not np.isfinite(array).all():
            raise ValueError(f"{what} holds NaN, or a number that is too large")
        return array

    def rows_of(instances):
        """Return an array for each input, with a row for each instance."""
        if not 1 <= len(instances) <= most:
            raise ValueError(f"1 to {most} instances are wanted, not {len(instances)}")
        rows = {name: [] for name in wanted}
        for place, one in enumerate(instances):
            given = sorted(one) if isinstance(one, dict) else "no names"
            if given != sorted(wanted):
                names = f"must hold {sorted(wanted)}, and holds {given!s:.200}"
                raise ValueError(f"instance {place} {names}")
            for name, value in one.items():
                rows[name].append(checked(value, name, f"instance {place}: {name}"))
        return {name: np.stack(values) for name, values in rows.items()}

    async def answer_those_that_wait():
        while True:
            taken = [await waiting.get()]
            while not waiting.empty() and sum(count for _, count, _ in taken) < most:
                taken.append(waiting.get_nowait())
            try:
                rows = {n: np.concatenate([rows[n] for rows, _, _ in taken]) for n in wanted}
                answers = await asyncio.to_thread(ask, rows)
            except Exception as error:  # those that wait hear of it, and the next are answered
                answers = error
            start = 0
            for _, count, future in taken:
                future.set_result((answers, start))
                start += count

    @asynccontextmanager
    async def lifespan(app):
        two = {n: np.zeros((2, *shapes[n]), wanted[n].dtype.as_numpy_dtype) for n in wanted}
        if any(values.shape[:1] != (2,) for values in ask(two).values()):
            raise ValueError("a head must answer each row by itself")
        task = asyncio.create_task(answer_those_that_wait())
        yield
        task.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.exception_handler(RequestValidationError)
    async def malformed(request, error):
        first = error.errors()[0]  # without its `input`: it may be long, or NaN
        return JSONResponse({"detail": f"{first['msg']} at {first['loc']}"}, 422)

    @app.post("/v1/models/model:predict")
    async def predict(instances: Annotated[list, Body(embed=True)]):
        counts["requests"] += 1
        try:
            rows = rows_of(instances)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        count, future = len(instances), asyncio.get_running_loop().create_future()
        await waiting.put((rows, count, future))
        answers, start = await future
        if isinstance(answers, Exception):
            raise HTTPException(500, f"the model raised {answers!r:.300}")
        mine = {n: values[start : start + count] for n, values in answers.items()}
        for name, values in mine.items():
            if not np.isfinite(values).all():
                raise HTTPException(500, f"the model's answer to {name} is no finite number")
        return {"predictions": [{n: mine[n][i].tolist() for n in mine} for i in range(count)]}

    @app.get("/health")
    async def health():
        names = {"inputs": shapes, "heads": sorted(signature.structured_outputs)}
        return {"status": "ok", **names, **counts}

    return app


# %% [markdown]
# Now for real: we write the file, and start it as a process of its own, on this machine alone (127.0.0.1). Port 0 means *any
# free one*; uvicorn writes which. Its messages go to a file: a pipe that nobody reads fills up, and the server would stand
# still. Whatever is raised in the `with` block, the process ends with it. (If Python itself is killed, the server may stay.)


# %%
(folder / "serve.py").write_text(inspect.getsource(create_app), encoding="utf-8")


@contextmanager
def running(folder, model):
    """Start serve.py of a folder; give its address. What the server writes goes to server.log."""
    command = [sys.executable, "-m", "uvicorn", "serve:create_app", "--factory"]
    command += ["--host", "127.0.0.1", "--port", "0", "--no-access-log", "--app-dir", folder]
    env = os.environ | {"MODEL_FOLDER": str(model)}
    log = folder / "server.log"
    with log.open("w") as file, subprocess.Popen(command, env=env, stderr=file) as server:
        try:
            while not (found := re.search(rb"(http://\S+:\d+) ", log.read_bytes())):
                if server.poll() is not None:
                    raise RuntimeError(f"it did not start:\n{log.read_text(errors='replace')}")
                time.sleep(0.05)
            yield found[1].decode()
        finally:
            server.kill()


# %% [markdown]
# **Predict first.** Five wrong questions come to a server that does not check: a canvas of half the size (the second of
# two), a canvas under the name `image`, one with texts in it, one with NaN, and none at all. To which of them would the model
# give an answer?

# %%
some = canvases[:3].tolist()
wrong = {
    "half the size": [{"canvas": some[0]}, {"canvas": canvases[0, ::2, ::2].tolist()}],
    "another name": [{"image": some[0]}],
    "texts": [{"canvas": [["0.5"] * 34] * 34}],
    "NaN": [{"canvas": [[float("nan")] * 34] * 34}],
    "nothing": [],
}


def post(instances):
    text = json.dumps({"instances": instances})  # httpx's own `json=` refuses NaN
    kind = {"Content-Type": "application/json"}
    return client.post("/v1/models/model:predict", content=text, headers=kind)


with (
    running(folder, folder / "saved_model" / "1") as address,
    httpx.Client(base_url=address, trust_env=False) as client,  # no proxy in between
):
    three = post([{"canvas": canvas} for canvas in some])
    refused = {name: post(instances) for name, instances in wrong.items()}
    with ThreadPoolExecutor(20) as people:  # 100 requests, 20 at a time
        many = list(people.map(post, [[{"canvas": one.tolist()}] for one in canvases[:100]]))
    health = client.get("/health").json()

print(three.status_code, "heads:", list(three.json()["predictions"][0]))
for name, response in refused.items():
    print(f"{response.status_code} {name:14}{response.json()['detail']}")
print(*health.items(), sep="\n")
print("the model on NaN:", signature(canvas=tf.fill((1, 34, 34), np.nan))["odd"].numpy())

# %% tags=["check"]
assert three.status_code == 200 and {one.status_code for one in refused.values()} == {422}
together = three.json()["predictions"] + [one.json()["predictions"][0] for one in many]
for row, given in zip([0, 1, 2, *range(100)], together, strict=True):
    assert all(np.allclose(given[name], answers[name][row], atol=1e-5) for name in answers)

# %% [markdown]
# The answers are those of `predict`, for each of the 103 canvases, whoever else asked at the same time. Without the check NaN
# would have been the worst. In our run the model answers it with a number like any other: its ReLU made 0 of NaN. An array
# without rows gets an empty answer, and the other three a long error (not shown): status 500.
#
# `calls` is less than `requests`: requests that were refused need no call, and those that waited shared one. (How many
# share depends on the machine.) A call for many rows costs little more than one for a single row, so the server answers more
# people in a second.
#
# **Before other machines may ask**, it needs encryption, passwords, and a limit of bytes for a request: put a *proxy*
# that has them in front of it, a program that passes requests on.
#
# **TensorFlow Serving** takes the same folder, and needs none of our code. It is a program of its own, usually started by
# Docker; it is not run here:
# ```
# docker run -p 8501:8501 -v /path/to/saved_model:/models/model -e MODEL_NAME=model tensorflow/serving
# ```
# It serves the highest number in the folder, and takes a new one while it runs. It answers at `/v1/models/model:predict`
# as above, puts requests together if it is told to (`--enable_batching`), and reports its errors under `error`, not `detail`.
#
# ## Tests of whoever ships
#
# A model goes out with tests, like any program. From this lesson:
# - what is served equals `predict` within 0.00001, **by name**, for each form that goes out;
# - what cannot be answered is refused, with the name of what is wrong;
# - people who ask at the same time get their own answers;
# - the answers of a new version equal the old ones where nothing should have changed ([lesson 15](15_operate.ipynb) adds a
#   head).
#
# In this notebook we
# - saved a model, found its loss weights turned into numbers, and met a loss that was not registered;
# - saw `save_best_only` save everything;
# - put the preparation of the images into the model, exported it, took the answers by name, and measured what each form costs;
# - started a server, asked it over HTTP, and saw it refuse what it cannot answer.
#
# ## References
#
# - Keras's guide *Writing your own callbacks*, and TensorFlow Serving's guide *RESTful API.*
#
# Next: the [exercises](../exercises/14_ship.ipynb), then [lesson 15](15_operate.ipynb).
