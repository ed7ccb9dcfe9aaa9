import jax.numpy as jnp
import numpy as np
import pytest

from cape.adaptation.bands import BANDS, blend, posterior_share

BOUNDARIES = [("periodic",), ("wall",), ("periodic", "outgoing")]


def fields(boundaries, seed, pairs=40):
    random = np.random.default_rng(seed)
    return random.normal(size=(pairs, *(16,) * len(boundaries), 2)).astype(np.float32)


@pytest.mark.parametrize("boundaries", BOUNDARIES)
@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_equal_shares_are_a_linear_combination(boundaries, share):
    by_equation, by_network = fields(boundaries, 0), fields(boundaries, 1)
    found = blend(*map(jnp.asarray, (by_equation, by_network)), jnp.full((2, BANDS), share), boundaries)
    assert np.allclose(found, by_equation + share * (by_network - by_equation), atol=1e-5)


@pytest.mark.parametrize("boundaries", BOUNDARIES)
def test_shares_that_made_the_truth_are_found(boundaries):
    by_equation, by_network = fields(boundaries, 0), fields(boundaries, 1)
    share = np.linspace(0.1, 0.9, 2 * BANDS).reshape(2, BANDS).astype(np.float32)
    truth = np.asarray(blend(*map(jnp.asarray, (by_equation, by_network, share)), boundaries))
    found = posterior_share(truth, by_equation, by_network, boundaries, together=False)
    resolved = (
        4 if len(boundaries) == 1 else 5
    )  # the largest wave number of 16 points is 8, along a diagonal 11
    assert np.allclose(found[:, :resolved], share[:, :resolved], atol=0.02)


def test_a_share_without_evidence_stays_at_its_prior():
    same = fields(("periodic",), 0)
    found = posterior_share(fields(("periodic",), 1), same, same, ("periodic",), together=False)
    assert np.allclose(found, 0.5)


def test_a_single_share_is_the_same_in_all_octaves_and_between_0_and_1():
    by_equation, by_network = fields(("periodic",), 0), fields(("periodic",), 1)
    truth = by_equation - 3 * (by_network - by_equation)
    found = posterior_share(truth, by_equation, by_network, ("periodic",), together=True)
    assert (found == 0).all()
