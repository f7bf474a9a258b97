"""Response length (the paper's limitation 4: validated responses grow long)."""

import numpy as np

from eva.metrics.catalogue import metric
from eva.metrics.sample import Sample
from eva.statistics.estimators import Statistic


@metric(
    "length/words",
    family="length",
    heading="Words",
    unit="words",
    decimals=1,
    needs=("spaces",),
    higher_is_better=None,
    definition="Tokens of a response: runs of non-blank characters. Mean over responses. No smoothing.",
)
def words(sample: Sample) -> Statistic:
    """Mean number of words."""
    return sample.mean(np.array([len(text.split()) for text in sample.responses], dtype=np.float64))
