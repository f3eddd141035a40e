"""Code that runs is copied to one place, and says what it said before."""

from __future__ import annotations

import gc
import inspect
import threading
import traceback
import weakref

import pytest

from supervisor_plugin import hot_code

COLD = 30


def _functions(count=40):
    """Return functions that lie far apart: between each two of them is code that does not run."""
    names = {}
    for number in range(count):
        exec(f"def hot_{number}(x):\n    return x + {number} if x else 0", names)
        names[f"cold_{number}"] = [names[f"hot_{number}"].__code__.replace() for _ in range(COLD)]
    return [names[f"hot_{number}"] for number in range(count)]


def _pages(functions):
    return {id(function.__code__) // 4096 for function in functions}


def _seen(call, *arguments):
    with hot_code.seen() as hot:
        call(*arguments)
    return hot


def test_code_that_was_run_lies_together_afterwards():
    functions = _functions()
    before = len(_pages(functions))
    hot = _seen(lambda: [function(1) for function in functions])
    hot_code.gather(hot)
    assert len(_pages(functions)) < before / 2
    assert [function(1) for function in functions] == [1 + number for number in range(len(functions))]


def test_code_that_was_not_run_stays_where_it_is():
    ran, other = _functions(2)
    before = ran.__code__, other.__code__
    hot_code.gather(_seen(ran, 1))
    assert ran.__code__ is not before[0]
    assert other.__code__ is before[1]


def test_what_runs_in_a_thread_that_is_started_meanwhile_is_seen_too():
    (ran,) = _functions(1)

    def start():
        thread = threading.Thread(target=ran, args=(1,))
        thread.start()
        thread.join()

    assert ran.__code__ in _seen(start)


def _adder(first, /, *, by=2):
    """A closure with an inner generator and a default."""
    return lambda second: sum(first + each * by for each in range(second))


class _Greeting:
    def __init__(self, name):
        self.name = name

    def __str__(self):
        return f"{self.__class__.__name__} {self.name}"


class _Loud(_Greeting):
    def __str__(self):
        return super().__str__().upper()


def _fails():
    raise ValueError("here")


def test_functions_are_the_same_after_they_were_gathered():
    made_before = _adder(3)
    line = inspect.getsourcelines(_fails)[1] + 1

    def use():
        made_before(2), _adder(1)(2), str(_Loud("you"))
        with pytest.raises(ValueError, match="here"):
            _fails()

    inner = made_before.__code__
    hot_code.gather(_seen(use))
    assert made_before.__code__ is not inner  # it has been copied, also within the function that contains it
    assert _adder(3).__code__ is made_before.__code__
    assert (made_before(2), _adder(3, by=1)(2)) == (8, 7)
    assert str(_Loud("you")) == "_LOUD YOU"
    assert _adder.__doc__ == "A closure with an inner generator and a default."
    with pytest.raises(ValueError, match="here") as caught:
        _fails()
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.name, last.lineno, last.filename) == ("_fails", line, __file__)


def test_a_proxy_whose_object_is_gone_is_passed_over():
    (ran,) = _functions(1)
    before = ran.__code__
    proxy = weakref.proxy(type("Thing", (), {})())
    gc.collect()
    assert any(each is proxy for each in gc.get_objects())
    hot_code.gather(_seen(ran, 1))
    assert ran.__code__ is not before


def test_gathering_may_be_repeated():
    functions = _functions(3)
    for _ in range(3):
        hot_code.gather(_seen(lambda: [function(1) for function in functions]))
    assert [function(1) for function in functions] == [1, 2, 3]
