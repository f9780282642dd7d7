"""Which targets of a name are remembered, and for how long."""

from __future__ import annotations

from phone_daemon.wire.resolved_names import LEFT_S, TRUSTED_S, ResolvedNames
from phone_daemon.wire.srv import Target

OLD, NEW = Target("192.0.2.1", 5060), Target("192.0.2.2", 5060)


def test_a_name_that_leads_elsewhere_has_left_its_old_target_once_several_answers_lack_it() -> None:
    names = ResolvedNames()
    names.take([OLD], 0)
    names.take([NEW], 30)
    assert not names.has_left(str(OLD), LEFT_S)
    assert names.has_left(str(OLD), LEFT_S + 1)
    assert not names.has_left(str(NEW), LEFT_S + 1)


def test_a_name_whose_answers_rotate_has_left_none_of_its_targets() -> None:
    names = ResolvedNames()
    for at in range(0, 600, 30):
        names.take([OLD if at % 60 else NEW], at)
        assert not names.has_left(str(NEW), at)
    assert names.known == {OLD, NEW}


def test_a_target_that_was_given_up_is_no_longer_trusted_after_a_while() -> None:
    names = ResolvedNames()
    names.take([OLD], 0)
    names.take([NEW], TRUSTED_S)
    assert names.known == {OLD, NEW}
    names.take([NEW], TRUSTED_S + 1)
    assert names.known == {NEW}
