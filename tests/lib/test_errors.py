import pickle

import pytest

from hq.lib import errors
from hq.lib.errors import Denied, Invalid, NotFound, Problem, Refused


class KeyNotActive(Refused):
    """The key is scheduled for
    deletion;   cancel that first.

    Developers read on, people do not.
    """


class OIDCLoginFailed2(Refused):
    pass


def test_it_says_its_first_paragraph_on_one_line():
    assert str(KeyNotActive()) == "The key is scheduled for deletion; cancel that first."


def test_it_says_its_message_where_it_has_one():
    assert str(KeyNotActive("Not today.")) == "Not today."
    assert KeyNotActive("Not today.").title == str(KeyNotActive())


def test_it_says_the_sentence_of_its_parent_where_it_has_none():
    assert str(OIDCLoginFailed2()) == str(Refused())


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (KeyNotActive, "key-not-active"),
        (OIDCLoginFailed2, "oidc-login-failed2"),
        (Denied, "denied"),
        (NotFound, "not-found"),
    ],
)
def test_it_has_a_stable_code(problem, code):
    assert problem().code == code


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("Denied", 403),
        ("NotFound", 404),
        ("Refused", 409),
        ("Invalid", 400),
        ("PayloadTooLarge", 413),
        ("PreconditionFailed", 412),
        ("Unauthenticated", 401),
        ("Unavailable", 503),
        ("Problem", 400),
    ],
)
def test_it_has_a_status_and_a_sentence(name, status):
    problem = getattr(errors, name)
    assert issubclass(problem, Problem)
    assert problem.status == status
    assert str(problem()).endswith(".")
    assert "\n" not in str(problem())


def test_it_does_not_tell_whether_a_hidden_thing_exists():
    assert str(NotFound()) == "There is nothing here that you can see."


def test_it_points_at_each_fault_of_the_input():
    faults: list[errors.FieldError] = [{"pointer": "/paths/0", "detail": "The path is empty."}]
    assert Invalid(errors=faults).errors == faults
    assert Invalid("No.").errors == []


def test_it_survives_pickling():
    problem = pickle.loads(pickle.dumps(Invalid("No.", errors=[{"pointer": "/a", "detail": "b"}])))
    assert str(problem) == "No."
    assert problem.errors == [{"pointer": "/a", "detail": "b"}]
