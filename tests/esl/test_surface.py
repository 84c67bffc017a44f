import subprocess
import sys

import esl


def test_what_is_exported_exists_and_is_sorted() -> None:
    assert list(esl.__all__) == sorted(esl.__all__)
    for name in esl.__all__:
        assert getattr(esl, name).__name__ == name


def test_unknown_names_are_attribute_errors() -> None:
    assert not hasattr(esl, "NoSuchThing")


def test_commands_need_no_gevent_and_nothing_imports_the_switch() -> None:
    code = (
        "import sys, esl, esl.commands\n"
        "assert not {'gevent', 'greenswitch', 'esl.fleet'} & set(sys.modules), 'commands are cheap'\n"
        "import esl.fleet, gevent.monkey\n"
        "assert 'esl.switch' not in sys.modules\n"
        "import socket, threading, time\n"
        "assert not gevent.monkey.saved, 'nothing may be monkey-patched'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_every_error_is_in_the_tree() -> None:
    from esl import errors

    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert len(kinds) > 10
    assert errors.__doc__ is not None
    for kind in kinds:
        assert issubclass(kind, errors.EventSocketError)
        assert kind.__name__ in errors.__doc__
        assert kind.__name__ in esl.__all__
