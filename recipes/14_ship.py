"""A server: it answers over HTTP with any SavedModel, by name. *Uvicorn* starts it:
```
MODEL_FOLDER=saved_model/1 uvicorn serve:create_app --factory --host 127.0.0.1 --port 8000
```
The file `serve.py` is this one function. Questions and answers have the form of TensorFlow Serving, so the same
client can ask either:
```
POST /v1/models/model:predict    {"instances": [{"canvas": [[0, ...], ...]}, ...]}
                                 {"predictions": [{"left": [0.1, ...], "odd": [0.3]}, ...]}
GET  /health                     {"status": "ok", "inputs": {"canvas": [34, 34]}, ...}
```
- Check what comes. Else a wrong question gets a long error of TensorFlow with status 500 (*the server is broken*), or,
  worse, an answer. 422 says *I understand, and cannot take it*: with the place and the name of what is wrong.
- Several requests, one call. While the model computes, requests wait. All that wait are answered by one call.
- Warm up: the first call is slow, so it is made before the server says that it is ready.

From lesson 14. How do I save, serve and test it?
It needs fastapi, numpy, pydantic, tensorflow, and nothing else.
"""

def create_app():
    """Answer over HTTP with the SavedModel in MODEL_FOLDER, by the names of its inputs and heads."""
    import asyncio
    import os
    from contextlib import asynccontextmanager
    from typing import Any

    import numpy as np
    import tensorflow as tf
    from fastapi import FastAPI, HTTPException
    from pydantic import BaseModel

    most = 1000  # rows in one request, and about as many in one call of the model
    saved = tf.saved_model.load(os.environ["MODEL_FOLDER"])  # keep it: the signature needs it
    signature = saved.signatures["serving_default"]
    wanted = signature.structured_input_signature[1]
    shapes = {name: tuple(spec.shape[1:]) for name, spec in wanted.items()}
    if any(None in shape for shape in shapes.values()):
        raise ValueError(f"only the number of rows may be open in the shapes: {shapes}")
    waiting, counts = asyncio.Queue(), {"requests": 0, "calls": 0}

    def ask(rows):
        counts["calls"] += 1
        answers = signature(**{name: tf.constant(values) for name, values in rows.items()})
        return {name: values.numpy() for name, values in answers.items()}

    def checked(value, name, what):
        """Return one input of one instance as an array; a ValueError says what is wrong."""
        try:
            array = np.array(value)
        except ValueError:
            raise ValueError(f"{what} has rows of different lengths") from None
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{what} must hold numbers alone")
        if array.shape != shapes[name]:
            raise ValueError(f"{what} must have shape {shapes[name]}, not {array.shape}")
        if wanted[name].dtype.is_integer and array.dtype.kind == "f":
            raise ValueError(f"{what} must hold whole numbers")
        array = array.astype(wanted[name].dtype.as_numpy_dtype)
        if not np.isfinite(array).all():
            raise ValueError(f"{what} holds NaN, or a number that is too large")
        return array

    def rows_of(instances):
        """Return an array for each input, with a row for each instance."""
        if not 1 <= len(instances) <= most:
            raise ValueError(f"1 to {most} instances are wanted, not {len(instances)}")
        rows = {name: [] for name in wanted}
        for place, one in enumerate(instances):
            if sorted(one) != sorted(wanted):
                names = f"must hold {sorted(wanted)}, not {sorted(one)}"
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
        ask({n: np.zeros((1, *shapes[n]), wanted[n].dtype.as_numpy_dtype) for n in wanted})
        task = asyncio.create_task(answer_those_that_wait())
        yield
        task.cancel()

    class Question(BaseModel):
        instances: list[dict[str, Any]]

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/models/model:predict")
    async def predict(question: Question):
        counts["requests"] += 1
        try:
            rows = rows_of(question.instances)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        count, future = len(question.instances), asyncio.get_running_loop().create_future()
        await waiting.put((rows, count, future))
        answers, start = await future
        if isinstance(answers, Exception):
            raise HTTPException(500, f"the model raised {answers!r:.300}")
        mine = {
            name: values[start : start + count].tolist() for name, values in answers.items()
        }
        return {"predictions": [{n: mine[n][row] for n in mine} for row in range(count)]}

    @app.get("/health")
    async def health():
        names = {"inputs": shapes, "heads": sorted(signature.structured_outputs)}
        return {"status": "ok", **names, **counts}

    return app
