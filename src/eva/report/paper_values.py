"""The values that the paper reports, and whether the signs of our changes agree with them.

Only directions are compared, not sizes: tokenisers, labellers, models and data differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eva.metrics.compare import Difference

# The columns of Tables 2, 8 and 12 with our names. The printed EVAEval values can only come from the sum form
# (equation 1 with its 1/4 cannot reach them), without correction; their directions are compared with our
# bias-corrected form, which has verdicts.
COLUMNS = (
    "overlap/bleu_2", "overlap/rouge_l", "diversity/dist_2", "epitome/ip", "epitome/ex", "epitome/er",
    "evaeval_sum_corrected/level_1", "evaeval_sum_corrected/level_2", "evaeval_sum_corrected/level_3",
    "evaeval_sum_corrected/level_4", "evaeval_sum_corrected/avg",
)  # fmt: skip

PAPER_NAMES = {"mistral": "Mistral", "qwen": "Qwen", "llama": "LLaMA"}

_Row = tuple[float, ...]

# corpus -> backbone -> variant -> one value per column. Tables 2 (esconv), 8 (ed), 12 (cot).
TABLES: dict[str, dict[str, dict[str, _Row]]] = {
    "esconv": {
        "mistral": {
            "base": (1.36, 8.40, 37.53, 0.0810, 0.4169, 0.7857, 0.3009, 0.2394, 0.1356, 0.0230, 0.1747),
            "cot": (1.81, 10.31, 39.38, 0.1983, 0.3920, 0.8164, 0.2710, 0.1816, 0.1031, 0.0302, 0.1464),
            "eva": (2.66, 14.00, 63.55, 0.3050, 0.4362, 0.9073, 0.0033, 0.0408, 0.0386, 0.1300, 0.0532),
            "wo_acq": (1.47, 8.83, 40.57, 0.1003, 0.3861, 0.8494, 0.3009, 0.2434, 0.1505, 0.0146, 0.1774),
            "wo_ali": (2.44, 13.5, 76.95, 0.2664, 0.2934, 0.7683, 0.0182, 0.1349, 0.2409, 0.3008, 0.1737),
        },
        "qwen": {
            "base": (0.83, 6.69, 30.83, 0.0308, 0.0849, 0.8590, 0.2656, 0.2434, 0.1388, 0.0166, 0.1661),
            "eva": (1.94, 11.85, 71.72, 0.1235, 0.4401, 0.6235, 0.0053, 0.0966, 0.1696, 0.2459, 0.1294),
            "wo_acq": (0.78, 7.01, 32.39, 0.0193, 0.0772, 0.9227, 0.2678, 0.2448, 0.1359, 0.0126, 0.1653),
            "wo_ali": (1.68, 11.49, 72.97, 0.1196, 0.5868, 0.5231, 0.0095, 0.1337, 0.2192, 0.2634, 0.1564),
        },
        "llama": {
            "base": (1.43, 10.40, 52.29, 0.0810, 0.5637, 0.9594, 0.1097, 0.0167, 0.0187, 0.0438, 0.0472),
            "eva": (2.19, 10.91, 53.91, 0.1943, 0.9286, 0.9646, 0.0743, 0.0132, 0.0797, 0.0037, 0.0427),
            "wo_acq": (1.48, 10.59, 51.94, 0.0694, 0.6236, 0.9835, 0.1653, 0.0624, 0.0214, 0.0335, 0.0707),
            "wo_ali": (2.07, 10.75, 51.41, 0.1776, 0.8803, 0.7702, 0.0843, 0.1006, 0.0640, 0.0294, 0.0696),
        },
        "gpt_3.5_turbo": {
            "base": (1.27, 13.13, 59.18, 0.0252, 0.3971, 1.1119, 0.0761, 0.1274, 0.1353, 0.1999, 0.1347),
        },
        "gpt_4o": {
            "base": (1.03, 12.45, 58.01, 0.0374, 0.4212, 1.1752, 0.0641, 0.1131, 0.2038, 0.1476, 0.1321),
        },
    },
    "ed": {
        "mistral": {
            "base": (0.60, 5.83, 32.86, 0.0936, 0.2881, 0.8823, 0.2903, 0.2532, 0.1344, 0.0374, 0.1788),
            "eva": (4.38, 18.57, 81.94, 0.2400, 0.7731, 0.7635, 0.0625, 0.1829, 0.2545, 0.3332, 0.2083),
            "wo_acq": (0.58, 5.51, 30.43, 0.1296, 0.2232, 0.9003, 0.2929, 0.1866, 0.1306, 0.0090, 0.1548),
            "wo_ali": (3.67, 18.01, 85.67, 0.1776, 0.5834, 0.7611, 0.0682, 0.2336, 0.2892, 0.3332, 0.2311),
        },
        "qwen": {
            "base": (0.32, 3.88, 22.73, 0.0768, 0.0384, 0.8522, 0.2918, 0.2532, 0.1649, 0.0374, 0.1868),
            "eva": (2.76, 14.9, 79.01, 0.1464, 0.4609, 0.8967, 0.0186, 0.2175, 0.2596, 0.3332, 0.2094),
            "wo_acq": (0.34, 3.77, 21.73, 0.0696, 0.0408, 0.8943, 0.2936, 0.2532, 0.1629, 0.0374, 0.1868),
            "wo_ali": (2.38, 14.31, 77.36, 0.1368, 0.5114, 0.8295, 0.0275, 0.2180, 0.2579, 0.3332, 0.2069),
        },
        "llama": {
            "base": (0.88, 7.88, 41.17, 0.1440, 0.6338, 1.2376, 0.1770, 0.0645, 0.0037, 0.0178, 0.0658),
            "eva": (2.75, 16.02, 58.46, 0.2857, 0.9699, 1.1140, 0.0213, 0.0529, 0.0252, 0.1277, 0.0568),
            "wo_acq": (0.85, 7.83, 40.95, 0.1392, 0.8931, 1.2136, 0.1854, 0.0835, 0.0043, 0.0788, 0.0880),
            "wo_ali": (2.22, 14.70, 69.35, 0.2160, 0.6554, 0.9807, 0.2047, 0.2366, 0.1308, 0.0085, 0.1451),
        },
        "gpt_3.5_turbo": {
            "base": (1.50, 11.77, 58.33, 0.0336, 0.4105, 1.1653, 0.2192, 0.2203, 0.1579, 0.2144, 0.2030),
        },
        "gpt_4o": {
            "base": (1.33, 11.14, 57.54, 0.0672, 0.4370, 1.1644, 0.1494, 0.2755, 0.1937, 0.1592, 0.1944),
        },
    },
}

# Shares of response types that section 7.2 states (ESConv, Mistral), in percent.
RESPONSE_TYPES = {
    "base": {"response_type/ss": 45.0, "response_type/uv": 11.7},
    "eva": {"response_type/uv": 26.0},
}

# Table 13, Mistral before and after training, by task of lm-eval; the paper does not say which metric of a
# task it is. WikiText is perplexity: lower is better.
GENERAL_ABILITY = {
    "hellaswag": (76.00, 75.66),
    "coqa": (60.00, 65.28),
    "mmlu": (61.60, 59.55),
    "wikitext": (9.86, 9.02),
    "humaneval": (28.63, 26.21),
}


@dataclass(frozen=True)
class SignCell:
    """One cell of a table: the paper's change from `base`, and ours.

    `agrees` is None if the paper reports no change, or ours is within the noise.
    """

    metric: str
    paper: float
    paper_base: float
    agrees: bool | None

    @property
    def paper_change(self) -> float:
        return self.paper - self.paper_base


def paper_row(corpus: str, variant: str, backbone: str = "mistral") -> dict[str, float]:
    """The paper's values of one variant by our metric names; empty if it reports none."""
    row = TABLES.get(corpus, {}).get(backbone, {}).get(variant)
    types = RESPONSE_TYPES.get(variant, {}) if (corpus, backbone) == ("esconv", "mistral") else {}
    return (dict(zip(COLUMNS, row, strict=True)) if row else {}) | types


def compare_signs(
    differences: Sequence[Difference],
    corpus: str,
    variant: str,
    backbone: str = "mistral",
    baseline: str = "base",
) -> list[SignCell]:
    """Our changes from `baseline` and the paper's, by cell; empty if the paper lacks one of the rows."""
    paper, base = paper_row(corpus, variant, backbone), paper_row(corpus, baseline, backbone)
    return [_cell(found, paper, base) for found in differences if found.metric in paper.keys() & base]


def _cell(found: Difference, paper: Mapping[str, float], base: Mapping[str, float]) -> SignCell:
    change = paper[found.metric] - base[found.metric]
    settled = found.within_noise is False and found.difference is not None and change != 0
    return SignCell(
        metric=found.metric,
        paper=paper[found.metric],
        paper_base=base[found.metric],
        agrees=(change > 0) == ((found.difference or 0) > 0) if settled else None,
    )
