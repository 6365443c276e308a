"""One cell, on its own. `heads_for(train, columns)` looks at columns of *your* table and decides what they are: a number, yes/no, or
a class. It gives outputs, losses, metrics, targets and weights, for new rows too, and turns predictions back into the table's
own values. It refuses what cannot be a target: a column that is constant or empty, dates, texts that are all different.

Look at `heads.columns`, what it decided, before you train. There you see `Yes` beside `yes`, a word for a gap that it does not
know, numbers with a comma that became classes, a mean with a -999 in it. A number's metric is in standard deviations. A
skewed number, such as a price, is better given as its logarithm; take `np.exp` of the answer.

With `raw` and `prepare` from above (put your columns in), this leads from raw rows to answers:

```python
step, heads = prepare(train), heads_for(train, targets)
hidden = keras.layers.Dense(32, activation="relu")(inputs := keras.Input(step.output.shape[1:]))
net = keras.Model(inputs, heads.outputs(hidden))
net.compile("adam", heads.losses, weighted_metrics=heads.metrics)
net.fit(step(raw(train)), heads.targets, sample_weight=heads.weights, epochs=100, verbose=0)
keras.Model(step.input, net(step.output)).save("model.keras")  # and heads.columns, as below
loaded = keras.models.load_model("model.keras")
answers = heads.answers(loaded.predict(raw(new)), new.index)
```

From lesson 16. My data is a table
It needs keras, numpy, pandas, and nothing else.
"""

import json
import re

import keras
import numpy as np
import pandas as pd

GAPS = {"", "?", "-", "na", "n/a", "#n/a", "<na>", "nan", "null", "None"}  # "none" is a class
KINDS = {
    "class": ("softmax", "SparseCategoricalCrossentropy", "sparse_categorical_accuracy"),
    "yes/no": ("sigmoid", "BinaryCrossentropy", "binary_accuracy"),
    "number": (None, "MeanSquaredError", "mean_absolute_error"),
}


is_number = re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?").fullmatch


def cells_of(frame, name):
    """Return a column's cells as they are and as text, numbers in one form; None for a gap."""
    if name not in frame.columns or frame[name].ndim > 1:
        raise KeyError(f"{name!r}: one column of this name wanted, among {[*frame.columns]}.")
    cells = [c.strip() if isinstance(c, str) else c for c in frame[name]]
    if any(np.ndim(c) or isinstance(c, dict | set) for c in cells):
        raise TypeError(f"{name!r}: a list in a cell, one number or text wanted.")
    cells = [None if pd.isna(c) or {str(c), str(c).lower()} & GAPS else c for c in cells]
    known = pd.Series([c for c in cells if c is not None], dtype=object)
    kind = pd.api.types.infer_dtype(known)
    if kind == "string" and known.str.match(r"\d{4}-\d+-\d|\d+[./]\d+[./]\d{4}").all():
        kind = "date as text"
    if re.search("date|time|period|interval|complex|bytes", kind):
        raise TypeError(f"{name!r}: {kind} given; make a number of it first, as the month.")
    numbers = pd.to_numeric([c if c is None else str(c) for c in cells], errors="coerce")
    pairs = zip(cells, np.asarray(numbers, float), strict=True)
    return cells, [c if c is None else str(c) if np.isnan(n) else f"{n:.15g}" for c, n in pairs]


def require(name, cells, fits, wanted):
    if wrong := [c for c in cells if c is not None and not fits(c)]:
        wrong = f"{sorted({*wrong})[:3]} in {len(wrong)} of {len(cells)} rows"
        raise ValueError(f"{name!r}: {wrong}; {wanted} wanted.")


def kind_of(frame, name, kind):
    """Return the kind of a column, and its classes, or its mean and standard deviation."""
    given, cells = cells_of(frame, name)
    known = [c for c in cells if c is not None]
    numeric, most = all(map(is_number, known)), len(known) / 2
    values = sorted({*known}, key=float if numeric else str)
    if len(values) < 2:
        raise ValueError(f"{name!r}: always {values or 'missing'}; if a gap means no, fill it.")
    if kind is None:
        most = min(20, most)
        few = numeric and len(values) <= min(10, most) and all("." not in v for v in values)
        kind = "yes/no" if len(values) == 2 else "class" if few or not numeric else "number"
    if kind == "number":
        require(name, cells, is_number, "numbers such as 1.5")
        return kind, [float(of(np.array(known, float))) for of in (np.mean, np.std)]
    if kind not in KINDS or (kind == "yes/no" and len(values) > 2):
        raise ValueError(f"{name!r}: {kind!r} given, and there are {values[:3]}.")
    if len(values) > max(2, most):
        many = f"{len(values)} classes, from {values[0]!r} to {values[-1]!r}, for {len(known)} rows"
        raise ValueError(f"{name!r}: {many}: at most 20, or by `kinds` half of the rows.")
    given = dict(zip(cells, given, strict=True))
    return kind, {value: np.asarray(given[value]).item() for value in values}


class Heads:
    """Heads for columns of a table; `columns` has, by head, its column, kind and values."""

    def __init__(self, columns, frame=None):
        self.columns, kinds = columns, {h: KINDS[kind] for h, (_, kind, _) in columns.items()}
        counted = {"reduction": "mean_with_sample_weight"}
        self.losses = {h: getattr(keras.losses, k[1])(**counted) for h, k in kinds.items()}
        self.metrics = {h: [k[2]] for h, k in kinds.items()}  # for weighted_metrics
        self.targets, self.weights = (None, None) if frame is None else self.encode(frame)

    def outputs(self, trunk):
        """Return an output for each head, on the features that the trunk gives."""
        outputs = {}
        for head, (_, kind, values) in self.columns.items():
            units = len(values) if kind == "class" else 1
            outputs[head] = keras.layers.Dense(units, KINDS[kind][0], name=head)(trunk)
        return outputs

    def encode(self, frame):
        """Return targets, and weights (0 for a gap), of rows of the same table."""
        targets, weights = {}, {}
        for head, (name, kind, values) in self.columns.items():
            _, cells = cells_of(frame, name)
            weights[head] = np.array([c is not None for c in cells], "float32")
            if kind == "number":
                require(name, cells, is_number, "numbers such as 1.5")
                codes = [0 if c is None else (float(c) - values[0]) / values[1] for c in cells]
            else:
                cure = f"some of {[*values]} (or None, or these rows in heads_for too)"
                require(name, cells, values.__contains__, cure)
                codes = [0 if c is None else [*values].index(c) for c in cells]
            targets[head] = np.array(codes, "float32" if kind == "number" else "int32")
        return targets, weights

    def answers(self, predictions, index=None):
        """Return a table: the column's own values, with their probability, and numbers."""
        table = {}
        for head, (name, kind, values) in self.columns.items():
            p = np.asarray(predictions[head], float)
            if kind == "number":
                table[name] = values[0] + values[1] * p[:, 0]
                continue
            p = np.hstack([1 - p, p]) if kind == "yes/no" else p
            names = np.array([*values.values()], object)
            table[name], table[f"p of {name}"] = names[p.argmax(1)], p.max(1)
        return pd.DataFrame(table, index).infer_objects()


def heads_for(frame, targets, kinds=None):
    """Return the heads for some columns of a table: give its training part.

    Two values are a "yes/no" (the last in order is yes), text or up to ten whole numbers that
    come again a "class", others a "number"; or as `kinds` says: {"year": "number"}."""
    listed = isinstance(frame, pd.DataFrame) and not isinstance(targets, str) and len(targets)
    if not listed or {*(kinds or {})} - {*targets}:
        raise TypeError("A DataFrame, a list of columns, and kinds of some of these wanted.")
    columns = {}
    for name in targets:
        head = re.sub("[^A-Za-z0-9]+", "_", str(name)).strip("_") or f"head_{len(columns)}"
        if head in columns:
            raise ValueError(f"{name!r}: another column has the head {head!r} already.")
        columns[head] = (name, *kind_of(frame, name, (kinds or {}).get(name)))
    return Heads(columns, frame)


table = {"cough (y/n)": ["y", None, "n", "y"] * 3, "fever": [38.5, 37, "NA", 36.6] * 3}
heads = heads_for(pd.DataFrame(table), [*table])
print(*heads.columns.values(), sep="\n")  # look at what it decided, before you train
model = keras.Model(inputs := keras.Input((2,)), heads.outputs(inputs))
model.compile("adam", heads.losses, weighted_metrics=heads.metrics)
model.fit(np.ones((12, 2)), heads.targets, sample_weight=heads.weights, verbose=0)
saved = json.dumps(heads.columns)  # keep this text beside the model's file
Heads(json.loads(saved)).answers(model.predict(np.ones((2, 2)), verbose=0))
