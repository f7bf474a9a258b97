"""Fitting a linear layer by weighted logistic regression with an L2 penalty."""

import torch
from torch.nn.functional import cross_entropy

_STEPS = 100
_TOLERANCE = 1e-4  # stops at this largest gradient of the mean loss, scikit-learn's default


def class_weights(target: torch.Tensor, n_labels: int, power: float) -> torch.Tensor:
    """Loss weights (1 / class count) ** `power`, averaging 1 over the rows; absent classes get 0."""
    counts = torch.bincount(target, minlength=n_labels).float()
    weights = torch.where(counts > 0, counts.clamp(min=1).pow(-power), torch.zeros(()))
    return weights * counts.sum() / (weights * counts).sum()


def fit_layer(
    layer: torch.nn.Linear,
    features: torch.Tensor,
    target: torch.Tensor,
    weights: torch.Tensor,
    penalty: float | torch.Tensor,
) -> None:
    """Fit `layer` in place: weighted multinomial logistic regression on `features` [rows, features].

    The features are standardised for the fit, and the standardisation is then folded into the weights.
    `penalty`, one or one per feature, is the L2 weight for the summed loss: 1 / (2 C) in scikit-learn.
    """
    mean, scale = features.mean(0), features.std(0, correction=0).clamp(min=1e-6)
    inputs, n_labels = (features - mean) / scale, len(weights)
    weight = torch.zeros(n_labels, inputs.shape[1], requires_grad=True)
    bias = torch.zeros(n_labels, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_STEPS, tolerance_grad=_TOLERANCE, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        fit = cross_entropy(inputs @ weight.T + bias, target, weights)
        penalised: torch.Tensor = fit + (penalty * weight.square()).sum() / len(inputs)
        penalised.backward()  # type: ignore[no-untyped-call]
        return penalised

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        folded = weight / scale
        layer.weight.copy_(folded)
        layer.bias.copy_(bias - folded @ mean)
