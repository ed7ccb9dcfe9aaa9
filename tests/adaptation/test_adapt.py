import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from adaptation_cases import NEW, TRAINED, diffusion
from flax import nnx

import cape
from cape.adaptation.adapt import NothingToAdapt, adapt
from cape.adaptation.adaptation import weight_of_regime
from cape.adaptation.folder import write

pytestmark = pytest.mark.filterwarnings("ignore::cape.out_of_distribution.OutOfDistributionWarning")


@pytest.fixture(scope="module")
def few():
    """Four trajectories at a larger viscosity, with more diffusion than the equation expects there."""
    return diffusion([NEW], more=0.04).select(np.arange(4))


@pytest.fixture(scope="module")
def adapted(original, few):
    return adapt(original, few)


def error(surrogate, data):
    u = data.read()
    found = surrogate.rollout(u[:, 0], data.parameters, u.shape[1] - 1)
    return float(np.sqrt(((found - u[:, 1:]) ** 2).mean() / (u[:, 1:] ** 2).mean()))


def test_the_error_on_other_trajectories_falls_by_more_than_half(original, adapted):
    others = diffusion([NEW], more=0.04, samples=12).select(np.arange(6, 12))
    assert error(adapted, others) < 0.5 * error(original, others)
    assert adapted.adaptation.error_after < 0.5 * adapted.adaptation.error_before


def test_nothing_changes_at_the_trained_values_and_between_them(original, adapted):
    old = diffusion([*TRAINED, 0.003, 0.006])
    u0 = old.read()[:, 0]
    before, after = (np.asarray(s.rollout(u0, old.parameters, 3)) for s in (original, adapted))
    assert np.array_equal(before, after)


def test_the_regime_has_weight_1_at_its_values_and_0_nearer_to_trained_ones(adapted):
    p = jnp.asarray([[NEW], [1.01 * NEW], [0.03], [0.01], [0.008], [0.001]], jnp.float32)
    w = np.asarray(weight_of_regime(adapted.adaptation, adapted.problem, p))
    assert w[0] == pytest.approx(1.0) and 0.99 < w[1] < 1 and 0 < w[2] < 1
    assert (w[3:] == 0).all()


def test_a_range_of_trained_values_is_known_everywhere_inside(adapted):
    unlisted = dataclasses.replace(adapted.adaptation, trained=())
    p = jnp.asarray([[0.005], [0.0065], [NEW]], jnp.float32)
    w = np.asarray(weight_of_regime(unlisted, adapted.problem, p))
    assert (w[:2] == 0).all() and w[2] == pytest.approx(1.0)


def test_the_problem_and_the_lineage_know_both_regimes(original, adapted):
    assert adapted.problem.values == tuple((v,) for v in (*TRAINED, NEW))
    assert adapted.problem.high == (NEW,) and adapted.problem.scale == original.problem.scale
    (stage,) = adapted.lineage
    assert (stage.start, stage.trajectories, stage.epochs) == ("a surrogate in memory", 4, 0)
    assert original.adaptation is None and original.problem.high == (TRAINED[-1],)


def test_a_folder_is_a_surrogate_like_any_other(adapted, few, tmp_path):
    folder = write(adapted, tmp_path / "adapted")
    again = cape.load(folder)
    assert again.adaptation == adapted.adaptation and again.lineage == adapted.lineage
    u0 = few.read()[:, 0]
    both = [np.asarray(s.rollout(u0, few.parameters, 3)) for s in (adapted, again)]
    assert np.array_equal(*both)
    text = (folder / "README.md").read_text()
    assert "adapted to nu = 0.04" in text and "4 trajectories of" in text and "∂u0/∂t" in text
    with pytest.raises(FileExistsError, match="already exists"):
        write(adapted, folder)


def test_evaluation_leaves_out_the_few_trajectories(adapted, few):
    others = diffusion([NEW], more=0.04)
    report = cape.evaluate(adapted, others)
    assert [row.kind for row in report.evaluation.rows] == ["seen"]
    assert report.data.samples == others.samples - few.samples


@pytest.mark.thorough
def test_a_regime_at_a_trained_value_has_to_replace_the_old_one(original):
    data = diffusion(TRAINED[1:2], more=0.04)
    with pytest.raises(ValueError, match=r"was trained at nu = 0\.004.*--everywhere"):
        adapt(original, data)
    replaced = adapt(original, data.select([0]), everywhere=True)  # one trajectory is enough here
    assert error(replaced, data) < 0.5 * error(original, data)
    w = weight_of_regime(replaced.adaptation, replaced.problem, jnp.asarray([[0.002]], jnp.float32))
    assert float(w[0]) == 1.0


@pytest.mark.thorough
def test_nothing_is_better_than_a_perfect_surrogate(original):
    data = diffusion([NEW])
    u = data.read()
    perfect = np.concatenate([u[:, :1], np.asarray(original.rollout(u[:, 0], data.parameters, 5))], 1)
    same = cape.from_arrays(perfect, {"nu": data.parameters[:, 0]}, dt=data.dt, dx=1 / 32, channels=("u0",))
    with pytest.warns(NothingToAdapt, match="no candidate predicts these trajectories better"):
        assert adapt(original, same) is original


def test_an_adapted_surrogate_is_not_adapted_again(adapted, few):
    with pytest.raises(ValueError, match="already adapted"):
        adapt(adapted, few)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: with_values(d, np.nan), "NaN"),
        (lambda d: d.subsample(time=d.frames), "at least two frames, got 4 of 1"),
        (
            lambda d: dataclasses.replace(d, channel_names=("v",)),
            r"expected channels \('u0',\), got \('v',\)",
        ),
        (
            lambda d: dataclasses.replace(d, parameter_names=("mu",)),
            r"expected parameters \('nu',\), got \('mu',\)",
        ),
        (lambda d: dataclasses.replace(d, times=0.7 * d.times), "0.07"),
        (lambda d: dataclasses.replace(d, boundaries=("wall",)), r"expected boundaries \('periodic',\)"),
        (lambda d: d.subsample(space=2), "grid of 32 points, or a multiple of it, got 16"),
        (lambda d: d.select([]), "at least one trajectory"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_data_that_do_not_fit_are_refused(original, few, change, message):
    with pytest.raises(ValueError, match=message):
        adapt(original, change(few))


def with_values(data, value):
    """Return trajectories with a value at one point."""
    u = data.read().copy()
    u[1, 2, 3] = value
    return cape.from_arrays(u, {"nu": data.parameters[:, 0]}, dt=data.dt, dx=1 / 32, channels=("u0",))


def test_another_equation_is_refused(original, few):
    named = dataclasses.replace(original.problem, equation="advection")
    other = type(original)(named, original.config, equation=original.equation, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="of the equation 'advection', .*, got 'burgers'"):
        adapt(other, dataclasses.replace(few, equation="burgers"))


def test_an_adapted_surrogate_is_not_trained_further(adapted, tmp_path):
    adapted.save(tmp_path / "adapted")
    with pytest.raises(ValueError, match="an adapted surrogate, which is not trained further"):
        cape.train(diffusion([NEW], samples=12), start=tmp_path / "adapted", progress=False)


def test_a_damaged_adaptation_is_refused(adapted):
    wrong = dataclasses.replace(adapted.adaptation, share=((0.0,),))
    with pytest.raises(ValueError, match="adaptation: its entries do not fit"):
        wrong.check(adapted.problem)
