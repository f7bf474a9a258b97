"""Response length (the paper's limitation 4: validated responses grow long)."""

import numpy as np

from eva.metrics.catalogue import metric
from eva.metrics.sample import Sample
from eva.statistics.bootstrap import Additive


@metric(
    "length/words",
    family="length",
    unit="words",
    higher_is_better=None,
    definition="Tokens of a response: runs of non-blank characters. Mean over responses. No smoothing.",
)
def words(sample: Sample) -> Additive:
    """Mean number of words."""
    return sample.mean(np.array([len(text.split()) for text in sample.responses], dtype=np.float64))
