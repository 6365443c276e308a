"""A server: it answers over HTTP, by name, with any SavedModel whose inputs are numbers of fixed shapes.
Save it as `serve.py`: this one function is the whole file. *Uvicorn* starts it, at a port, the number that tells the
programs of one machine apart:
```
pip install uvicorn
MODEL_FOLDER=saved_model/1 uvicorn serve:create_app --factory --host 127.0.0.1 --port 8000
```
`MODEL_FOLDER` is the folder with the number; TensorFlow Serving gets the one above it. Questions (`POST`) and answers are
JSON: lists, and dictionaries with names, written as text. They have one of the forms of TensorFlow Serving, rows
with names, so a client that uses it can ask either. `GET` only looks:
```
POST /v1/models/model:predict    {"instances": [{"canvas": [[0, ...], ...]}, ...]}
                                 {"predictions": [{"left": [0.1, ...], "odd": [0.3]}, ...]}
GET  /health                     {"status": "ok", "inputs": {"canvas": [34, 34]}, ...}
```
- Check what comes. Else a wrong question gets a long error of TensorFlow with status 500 (*the server is broken*), or,
  worse, an answer to another question: 300 is 44 in 8 bits. 422 says *I understand, and cannot take it*: with the place and
  the name of what is wrong.
- Several requests, one call. While the model computes, requests wait. All that wait are answered by one call.
- Warm up: the first call is slow, so it is made before the server says that it is ready.
- *FastAPI* calls a function for each request to an address, and checks that a question is JSON with a list `instances`. An
  `async` function pauses at `await`, and others run. A *future* is the place where an answer will be put; a queue holds
  what waits. In `lifespan`, what stands before `yield` runs at the start, and what stands after it at the end.

From lesson 14. How do I save, serve and test it?
It needs fastapi, numpy, tensorflow, uvicorn, and nothing else.
"""

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
