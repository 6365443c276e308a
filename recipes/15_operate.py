"""What belongs between a model that predicts and whoever acts on it: corrected probabilities, decisions, and the right to be
silent. It needs nothing of the course:
```
decider = Decider({"size": "classes", "tags": "labels", "price": "numbers"})
decider.choose(model.predict(x), targets)      # of validation rows; json.dumps(decider.settings) keeps what it chose
decisions = decider(model.predict(new))        # {"size": [2, None, ...], "tags": [[1, 0, None], ...], ...}
```
A head of *classes* is one softmax, or one sigmoid for yes; *labels* are a sigmoid each; *numbers* stay as they are.

From lesson 15. How sure is each head, what changed, and how do I train on more than one device?
It needs numpy, scipy, and nothing else.
"""

import numpy as np
from scipy import optimize

KINDS = ("classes", "labels", "numbers")


def corrected(probability, temperature):
    powers = np.clip(probability, 1e-12, 1) ** (1 / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


class Decider:
    """Decide from what each head predicts, and say None where a head is not sure enough."""

    def __init__(self, heads, settings=None):
        if not isinstance(heads, dict) or set(heads.values()) - set(KINDS):
            raise ValueError(f"heads must give one of {KINDS} to each head, not {heads}")
        self.heads = heads
        self.unsure = {n: kind for n, kind in heads.items() if kind != "numbers"}
        self.settings = settings or {}  # of each head: [temperature, threshold]

    def stated(self, predicted):
        """Return numbers, or probabilities with a last axis: classes, or no and yes of a label."""
        if sorted(predicted) != sorted(self.heads):
            raise ValueError(f"predicted needs {sorted(self.heads)}, not {sorted(predicted)}")
        found = {n: np.asarray(values) for n, values in predicted.items()}
        for n, kind in self.unsure.items():
            p = found[n]
            if kind == "labels" or p.shape[1:] == (1,):
                p = np.stack([1 - p, p], axis=-1)
            p = p[:, 0] if kind == "classes" and p.ndim == 3 else p
            if not (p.min() >= 0 and np.allclose(p.sum(axis=-1), 1, atol=1e-3)):
                raise ValueError(f"{n} holds no probabilities of {kind}: is it another kind?")
            found[n] = p
        return found

    def choose(self, predicted, targets, right=0.95):
        """Choose temperatures, and the lowest thresholds at which the share `right` is right."""
        stated = self.stated(predicted)
        for n in self.unsure:
            p, shape = stated[n], stated[n].shape[:-1]
            if n not in targets or np.size(targets[n]) != np.prod(shape):
                raise ValueError(f"targets must hold whole numbers of shape {shape} for {n}")
            y = np.reshape(targets[n], shape).astype(int)
            true = np.eye(p.shape[-1])[y] > 0

            def loss(log, p=p, true=true):
                return -np.log(corrected(p, 10**log)[true]).mean()

            t = 10 ** optimize.minimize_scalar(loss, bounds=(-1, 1), method="bounded").x
            sure = corrected(p, t).max(axis=-1).ravel()
            order = np.argsort(-sure)
            hits = (p.argmax(axis=-1) == y).ravel()[order].cumsum()
            last = np.append(np.diff(sure[order]) < 0, True)  # equally sure ones go together
            enough = np.flatnonzero(last & (hits >= right * np.arange(1, len(hits) + 1)))
            threshold = float(sure[order][enough[-1]]) if len(enough) else 2.0
            self.settings[n] = [float(t), threshold]

    def __call__(self, predicted):
        decided = self.stated(predicted)
        for n in self.unsure:
            t, threshold = self.settings.get(n, [1, 0])
            p = corrected(decided[n], t)
            decided[n] = np.where(p.max(axis=-1) >= threshold, p.argmax(axis=-1), None)
        return {n: values.tolist() for n, values in decided.items()}
