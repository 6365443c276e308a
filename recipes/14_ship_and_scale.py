"""What a server should do around a SavedModel: answers by name, corrected, and with the right to be silent. It needs nothing
of the course:
```
service = Service("saved_model/1", {"size": "classes", "tags": "labels", "price": "numbers"})
service.choose(validation_inputs, validation_targets)   # json.dumps(service.settings) keeps what it chose
answers = service(inputs)                               # {"size": [2, None, ...], "tags": [[1, 0, None], ...], ...}
```
A head of *classes* is one softmax, or one sigmoid for yes; *labels* are a sigmoid each; *numbers* stay as they are.

From lesson 14. How do I save, serve, monitor and scale it?
It needs numpy, scipy, tensorflow, and nothing else.
"""

import numpy as np
import tensorflow as tf
from scipy import optimize

KINDS = ("classes", "labels", "numbers")


def corrected(probability, temperature):
    powers = np.clip(probability, 1e-12, 1) ** (1 / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


class Service:
    """Answer with a SavedModel by head, and with None where a head is not sure enough."""

    def __init__(self, folder, heads, settings=None):
        self.saved = tf.saved_model.load(str(folder))  # keep it: the signature needs it
        self.ask = self.saved.signatures["serving_default"]
        names, kinds = sorted(self.ask.structured_outputs), set(KINDS)
        if not isinstance(heads, dict) or sorted(heads) != names or set(heads.values()) - kinds:
            raise ValueError(f"heads must give one of {KINDS} to each of {names}, not {heads}")
        self.unsure = {n: kind for n, kind in heads.items() if kind != "numbers"}
        self.settings = settings or {}  # of each head: [temperature, threshold]

    def stated(self, inputs):
        """Return numbers, or probabilities with a last axis: classes, or no and yes of a label."""
        wanted = self.ask.structured_input_signature[1]
        inputs = inputs if isinstance(inputs, dict) else {min(wanted): inputs}
        if sorted(inputs) != sorted(wanted):
            raise ValueError(f"inputs must be named {sorted(wanted)}, not {sorted(inputs)}")
        inputs = {n: tf.cast(x, wanted[n].dtype) for n, x in inputs.items()}
        for n, x in inputs.items():
            if not wanted[n].shape.is_compatible_with(x.shape):
                raise ValueError(
                    f"the input {n} must have shape {wanted[n].shape}, not {x.shape}"
                )
        found = {n: values.numpy() for n, values in self.ask(**inputs).items()}
        for n, kind in self.unsure.items():
            p = found[n]
            if kind == "labels" or p.shape[1] == 1:
                p = np.stack([1 - p, p], axis=-1)
            p = p[:, 0] if kind == "classes" and p.ndim == 3 else p
            if p.min() < 0 or not np.allclose(p.sum(axis=-1), 1, atol=1e-3):
                raise ValueError(
                    f"the head {n} gives no probabilities of {kind}: is it another kind?"
                )
            found[n] = p
        return found

    def choose(self, inputs, targets, right=0.95):
        """Choose temperatures, and the lowest thresholds at which the share `right` is right."""
        stated = self.stated(inputs)
        for n in self.unsure:
            p, shape = stated[n], stated[n].shape[:-1]
            if n not in targets or np.size(targets[n]) != np.prod(shape):
                raise ValueError(
                    f"targets must hold whole numbers of shape {shape} for the head {n}"
                )
            y = np.reshape(targets[n], shape).astype(int)
            true = np.eye(p.shape[-1])[y] > 0

            def loss(log, p=p, true=true):
                return -np.log(corrected(p, 10**log)[true]).mean()

            t = 10 ** optimize.minimize_scalar(loss, bounds=(-1, 1), method="bounded").x
            sure = corrected(p, t).max(axis=-1).ravel()
            order = np.argsort(-sure)
            hits = (p.argmax(axis=-1) == y).ravel()[order].cumsum()
            last = np.append(np.diff(sure[order]) < 0, True)  # equally sure answers go together
            enough = np.flatnonzero(last & (hits >= right * np.arange(1, len(hits) + 1)))
            threshold = float(sure[order][enough[-1]]) if len(enough) else 2.0
            self.settings[n] = [float(t), threshold]

    def __call__(self, inputs):
        answers = self.stated(inputs)
        for n in self.unsure:
            t, threshold = self.settings.get(n, [1, 0])
            p = corrected(answers[n], t)
            answers[n] = np.where(p.max(axis=-1) >= threshold, p.argmax(axis=-1), None)
        return {n: values.tolist() for n, values in answers.items()}
