"""One cell, on its own. `heads_for(train, columns)` looks at columns of *your* table and decides what they are: a number, yes/no, or
a class. It gives outputs, losses, metrics, targets and weights, for new rows too, and turns predictions back into names and
units. It refuses what cannot be a target: a column that is constant or empty, dates, texts that are all different.

From lesson 16. My data is a table
It needs keras, numpy, pandas, and nothing else.
"""

import re

import keras
import numpy as np
import pandas as pd

GAPS = ["", "?", "NA", "N/A", "<NA>", "NaN", "nan", "NULL", "null", "None"]
KINDS = {
    "class": ("softmax", "SparseCategoricalCrossentropy", "sparse_categorical_accuracy"),
    "yes/no": ("sigmoid", "BinaryCrossentropy", "binary_accuracy"),
    "number": (None, "MeanSquaredError", "mean_absolute_error"),
}


def cells_of(frame, name):
    """Return a column's cells, all as numbers or all as text, with None for a gap."""
    if name not in frame.columns or frame[name].ndim > 1:
        raise KeyError(f"{name!r}: one column of this name wanted, among {[*frame.columns]}.")
    cells = [c.strip() if isinstance(c, str) else c for c in frame[name]]
    if any(np.ndim(c) or isinstance(c, dict | set) for c in cells):
        raise TypeError(f"{name!r}: a list in a cell, one number or text wanted.")
    cells = [None if pd.isna(c) or (isinstance(c, str) and c in GAPS) else c for c in cells]
    known = pd.Series([c for c in cells if c is not None], dtype=object)
    kind = pd.api.types.infer_dtype(known)
    if re.search("date|time|period|interval|complex|bytes", kind):
        raise TypeError(f"{name!r}: {kind} given; make a number of it first, as the month.")
    numbers = pd.to_numeric(known, errors="coerce").astype(float)
    if np.isinf(numbers).any():
        raise ValueError(f"{name!r}: an infinite number given, finite ones wanted.")
    text, numbers = kind == "boolean" or numbers.isna().any(), iter(numbers)
    return [c if c is None else str(c) if text else next(numbers) for c in cells]


def kind_of(name, cells, kind):
    """Return the kind of a column, and its classes, or its mean and standard deviation."""
    known = [c for c in cells if c is not None]
    values = sorted({*known})
    if len(values) < 2:
        raise ValueError(f"{name!r}: {f'always {values[0]!r}' if values else 'all missing'}.")
    text, again = isinstance(values[0], str), len(values) <= min(20, len(known) / 2)
    if kind is None:
        few = again and len(values) <= 10 and not text and all(v % 1 == 0 for v in values)
        kind = "yes/no" if len(values) == 2 else "class" if text or few else "number"
    if kind == "number" and not text:
        return kind, (np.mean(known), np.std(known))
    if kind not in ("class", "yes/no") or (kind == "yes/no" and len(values) > 2):
        raise ValueError(f"{name!r}: {kind!r} given, and there are {values[:3]}.")
    if len(values) > 2 and not again:
        many = f"{len(values)} classes, from {values[0]!r} to {values[-1]!r}, are too many"
        raise ValueError(f"{name!r}: {many} for {len(known)} rows.")
    return kind, [v if text else f"{v:.15g}" for v in values]


class Heads:
    """Heads for columns of a table; `columns` has, by head, its column, kind and values."""

    def __init__(self, frame, columns):
        self.columns, kinds = columns, {h: KINDS[kind] for h, (_, kind, _) in columns.items()}
        counted = {"reduction": "mean_with_sample_weight"}
        self.losses = {h: getattr(keras.losses, k[1])(**counted) for h, k in kinds.items()}
        self.metrics = {h: [k[2]] for h, k in kinds.items()}  # for weighted_metrics
        self.targets, self.weights = self.encode(frame)

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
            cells = cells_of(frame, name)
            weights[head] = np.array([c is not None for c in cells], "float32")
            if kind != "number":
                cells = [f"{c:.15g}" if isinstance(c, float) else c for c in cells]
            if wrong := {c for c in cells if isinstance(c, str)} - {*values}:
                wanted = "numbers" if kind == "number" else f"some of {values}"
                raise ValueError(f"{name!r}: {sorted(wrong)[-3:]} given, {wanted} wanted.")
            code = values.index if kind != "number" else lambda c, v=values: (c - v[0]) / v[1]
            cells = [0 if c is None else code(c) for c in cells]
            targets[head] = np.array(cells, "float32" if kind == "number" else "int32")
        return targets, weights

    def answers(self, predictions, index=None):
        """Return a table: names, with their probability, and numbers in their unit."""
        table = {}
        for head, (name, kind, values) in self.columns.items():
            p = np.asarray(predictions[head], float)
            if kind == "number":
                table[name] = values[0] + values[1] * p[:, 0]
                continue
            p = np.hstack([1 - p, p]) if kind == "yes/no" else p
            table[name], table[f"p of {name}"] = np.array(values)[p.argmax(1)], p.max(1)
        return pd.DataFrame(table, index)


def heads_for(frame, targets, kinds=None):
    """Return the heads for some columns of a table: give its training part.

    Two values are a "yes/no" (the last in order is yes), text or up to ten whole numbers that
    come again a "class", others a "number"; or as `kinds` says: {"year": "number"}.
    """
    listed = isinstance(frame, pd.DataFrame) and not isinstance(targets, str) and len(targets)
    if not listed or {*(kinds or {})} - {*targets}:
        raise TypeError("A DataFrame, a list of columns, and kinds of some of these wanted.")
    columns = {}
    for name in targets:
        head = re.sub("[^A-Za-z0-9]+", "_", str(name)).strip("_") or "head"
        if head in columns:
            raise ValueError(f"{name!r}: another column has the head {head!r} already.")
        columns[head] = (name, *kind_of(name, cells_of(frame, name), (kinds or {}).get(name)))
    return Heads(frame, columns)


table = {"cough (y/n)": ["y", None, "n", "y"] * 3, "fever": [38.5, 37, "NA", 36.6] * 3}
heads = heads_for(pd.DataFrame(table), [*table])
model = keras.Model(inputs := keras.Input((2,)), heads.outputs(inputs))
model.compile("adam", heads.losses, weighted_metrics=heads.metrics)
model.fit(np.ones((12, 2)), heads.targets, sample_weight=heads.weights, verbose=0)
heads.answers(model.predict(np.ones((2, 2)), verbose=0))
