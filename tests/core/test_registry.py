"""Registries: what may register, what is found, and what the messages say."""

import abc
import subprocess
import sys

import pytest

from cape.registry import Registry, nearest, registry_of


class Shape(abc.ABC):
    """The contract of these tests."""

    def __init__(self, name="shape", defined_in="here"):
        self.name, self.defined_in = name, defined_in

    @abc.abstractmethod
    def area(self): ...


class Circle(Shape):
    def area(self):
        return 3.14


class Square(Shape):
    def area(self):
        return 1.0


class Nothing(Shape):
    """It has no area."""


@pytest.fixture
def shapes():
    return Registry("plane shape", Shape, [])


def test_a_part_is_returned_unchanged_and_found_by_its_name(shapes):
    assert shapes.register("circle")(Circle) is Circle
    assert shapes.find("circle") is Circle
    assert shapes.name_of(Circle) == "circle"
    assert dict(shapes.parts) == {"circle": Circle}


def test_the_registry_of_a_contract_is_known(shapes):
    assert registry_of(Shape) is shapes
    assert registry_of(Circle) is None and registry_of(int | str) is None


@pytest.mark.parametrize("part", [int, 3, object()])
def test_a_part_that_does_not_meet_the_contract_is_refused(shapes, part):
    with pytest.raises(
        ValueError, match="^plane shape 'round': expected a Shape .see .*test_registry., got "
    ):
        shapes.register("round")(part)
    assert not shapes.parts


def test_an_abstract_method_that_is_missing_is_named(shapes):
    with pytest.raises(
        ValueError, match="plane shape 'nothing': .*Nothing.* lacks area, which the contract asks for"
    ):
        shapes.register("nothing")(Nothing)
    assert not shapes.parts


def test_a_name_that_is_taken_is_refused(shapes):
    shapes.register("round")(Circle)
    with pytest.raises(
        ValueError, match=r"'round': the name is taken by .*test_registry\.Circle; choose another"
    ):
        shapes.register("round")(Square)
    assert shapes.find("round") is Circle


def test_a_part_that_is_defined_again_in_the_same_place_replaces_the_first(shapes):
    """A notebook cell that is run twice."""

    def cell():
        class Ellipse(Shape):
            def area(self):
                return 2.0

        return shapes.register("ellipse")(Ellipse)

    first, second = cell(), cell()
    assert first is not second and shapes.find("ellipse") is second


def test_an_unknown_name_has_a_hint(shapes):
    shapes.register("circle")(Circle)
    shapes.register("square")(Square)
    with pytest.raises(
        ValueError, match=r"^unknown plane shape 'cirle'; did you mean 'circle'\? \(a part of your own"
    ):
        shapes.find("cirle")
    with pytest.raises(ValueError, match="unknown plane shape 'xyz'; known are circle, square"):
        shapes.find("xyz")


def test_a_part_that_is_not_registered_has_no_name(shapes):
    with pytest.raises(
        ValueError, match=r"Square.* is not registered as a plane shape; register it under a name"
    ):
        shapes.name_of(Square)


def test_packages_are_searched_once_when_a_part_is_first_looked_up(tmp_path, monkeypatch):
    package = tmp_path / "searched_shapes"
    (package / "deeper").mkdir(parents=True)
    text = "import searched_shapes\nsearched_shapes.imported.append(__name__)\n"
    (package / "__init__.py").write_text("imported = []\n")
    for name in ("first.py", "second.py", "deeper/__init__.py"):
        (package / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    shapes = Registry("plane shape", Shape, ["searched_shapes"])
    assert "searched_shapes" not in sys.modules
    assert not shapes.parts and not shapes.parts
    imported = sys.modules["searched_shapes"].imported
    assert sorted(imported) == [
        "searched_shapes.first",
        "searched_shapes.second",
    ]  # no packages inside the package
    for name in ("searched_shapes", *imported):
        monkeypatch.delitem(sys.modules, name)


def test_a_hint_names_the_nearest_or_all():
    assert nearest("smok", ["smoke", "burgers1d"]) == "did you mean 'smoke'?"
    assert nearest("zzz", ["smoke", "burgers1d"]) == "known are smoke, burgers1d"


def test_an_object_is_added_under_its_name_and_a_taken_name_is_refused_from_elsewhere(shapes):
    one = shapes.add(Circle("round"))
    assert shapes.find("round") is one
    again = shapes.add(Circle("round"))  # a notebook cell that is run again
    assert shapes.find("round") is again
    with pytest.raises(ValueError, match=r"'round': the name is taken by here\.round; choose another"):
        shapes.add(Square("round", defined_in="elsewhere"))
    assert shapes.find("round") is again


def test_the_names_of_this_package_are_taken_before_it_has_searched_its_modules(tmp_path):
    code = (
        "from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter\n"
        "EQUATIONS.add(Equation('burgers', (Parameter('nu', 'nu', 0.0),), lambda *a: None, 'x'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "'burgers': the name is taken by cape.datasets.equations.burgers.burgers" in done.stderr
